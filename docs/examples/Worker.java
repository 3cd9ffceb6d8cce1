// A job that reports to jobbad: it counts the lines of files. docs/workers.md tells why it does what it does.
//
// usage: java Worker.java URL ID FILE...    URL: of jobbad, such as http://localhost:8080; ID: of the status

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Worker {
    static final int TRIES = 12;
    static final long FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 5000;
    static final Duration TRY = Duration.ofSeconds(5);
    static final Set<Integer> LATER = Set.of(502, 503, 504);

    static final HttpClient client = HttpClient.newBuilder().connectTimeout(TRY).build();

    /** Sends a request until it is answered, always with the same key. */
    static HttpResponse<String> send(String method, String url, String body) throws InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).timeout(TRY)
                .header("Idempotency-Key", UUID.randomUUID().toString())
                .header("Content-Type", "application/json")
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body)).build();
        for (int n = 0; n < TRIES; n++) {
            if (n > 0) {
                long pause = Math.min(FIRST_PAUSE_MS << (n - 1), LONGEST_PAUSE_MS);
                Thread.sleep((long) (pause * (0.5 + Math.random() / 2)));
            }
            try {
                HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
                if (!LATER.contains(answer.statusCode())) return answer;
            } catch (IOException e) { // not there, cut off, or silent
                System.err.println(method + " " + url + ": " + e);
            }
        }
        throw new IllegalStateException(method + " " + url + ": no answer");
    }

    // Java comes without a JSON parser. These are enough for what a worker looks at; a real one would take a library.

    /** What the first group of the pattern finds in the answer. */
    static String find(String pattern, HttpResponse<String> answer) {
        Matcher found = Pattern.compile(pattern).matcher(answer.body());
        return found.find() ? found.group(1) : "";
    }

    static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}", "") + '"';
    }

    final String url; // the attempt of the job that this process works on
    String attempt;
    boolean killRequested;

    /** A claim: of several workers that try, one succeeds. */
    Worker(String base, String id) throws InterruptedException {
        url = base + "/statuses/" + id;
        HttpResponse<String> answer = send("POST", url + "/started?if_state=unqueued,queued,failed", null);
        if (answer.statusCode() == 409) {
            System.out.println("not mine: " + id + " is " + find("\"state\":\"(\\w+)", answer));
            System.exit(2);
        }
        take(answer);
        System.out.println("started " + id + ", attempt " + attempt);
    }

    /** A change, if this is still the attempt at work: a late report must not get into the next one. */
    void report(String method, String path, String body) throws InterruptedException {
        take(send(method, url + path + "?attempt=" + attempt, body));
    }

    void take(HttpResponse<String> answer) {
        if (answer.statusCode() >= 300) {
            System.err.println(answer.statusCode() + ": " + find("\"title\":\"([^\"]*)", answer));
            System.exit(4);
        }
        attempt = find("\"attempt\":(\\d+),\"recorded_at\"", answer);
        killRequested = answer.body().stripTrailing().endsWith("\"kill_requested\":true}");
    }

    int work(String[] files) throws InterruptedException {
        long lines = 0;
        int unreadable = 0;
        for (int n = 0; n < files.length; n++) {
            if (killRequested) { // each answer tells
                report("POST", "/killed", null);
                System.out.printf("killed after %d of %d files%n", n, files.length);
                return 3;
            }
            try {
                int found = 0;
                for (byte b : Files.readAllBytes(Path.of(files[n]))) if (b == '\n') found++;
                lines += found;
                System.out.printf("%s: %d lines%n", files[n], found);
            } catch (IOException e) {
                unreadable++;
                System.out.println(files[n] + ": can't be read");
                report("POST", "/errors", "{\"file\":" + quoted(files[n]) + ",\"message\":\"can't be read\"}");
            }
            report("PUT", "/progress", "{\"at\":" + (n + 1) + ",\"out_of\":" + files.length + "}");
        }
        if (unreadable > 0) {
            report("POST", "/failed", null);
            System.out.printf("failed: %d of %d files can't be read%n", unreadable, files.length);
            return 1;
        }
        report("POST", "/succeeded", "{\"data\":{\"lines\":" + lines + "}}");
        System.out.printf("done: %d lines%n", lines);
        return 0;
    }

    public static void main(String[] args) throws InterruptedException {
        Worker worker = new Worker(args[0], args[1]);
        System.exit(worker.work(java.util.Arrays.copyOfRange(args, 2, args.length)));
    }
}
