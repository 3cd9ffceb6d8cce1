// A job that reports to jobbad: it counts the lines of files. docs/workers.md tells why it does what it does.
//
// usage: go run worker.go URL ID FILE...    URL: of jobbad, such as http://localhost:8080; ID: of the status
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	mathrand "math/rand"
	"net/http"
	"os"
	"time"
)

const (
	tries        = 12
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

var client = &http.Client{Timeout: 5 * time.Second}

type status struct {
	State         string
	Attempt       int
	KillRequested bool    `json:"kill_requested"`
	Title         string  // of a problem
	Current       *status // of a 409: the status as it is
}

func newKey() string {
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		log.Fatal(err)
	}
	return fmt.Sprintf("%x", key)
}

func tryOnce(method, url, key string, body []byte) (code int, answer status, err error) {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, answer, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return response.StatusCode, answer, err
}

// send sends a request until it is answered, always with the same key.
func send(method, url string, body any) (int, status) {
	var data []byte
	if body != nil {
		data, _ = json.Marshal(body)
	}
	key := newKey()
	for n := 0; n < tries; n++ {
		if n > 0 {
			pause := math.Min(float64(firstPause)*math.Pow(2, float64(n-1)), float64(longestPause))
			time.Sleep(time.Duration(pause * (0.5 + mathrand.Float64()/2)))
		}
		code, answer, err := tryOnce(method, url, key, data)
		if err != nil { // not there, cut off, or silent
			log.Print(err)
		} else if code != 502 && code != 503 && code != 504 {
			return code, answer
		}
	}
	log.Fatalf("%s %s: no answer", method, url)
	panic("unreachable")
}

// job is the attempt that this process works on.
type job struct {
	url    string
	status status
}

func (j *job) take(code int, answer status) {
	if code >= 300 {
		log.Printf("%d: %s", code, answer.Title)
		os.Exit(4)
	}
	j.status = answer
}

// start is a claim: of several workers that try, one succeeds.
func start(url, id string) *job {
	j := &job{url: url + "/statuses/" + id}
	code, answer := send("POST", j.url+"/started?if_state=unqueued,queued,failed", nil)
	if code == 409 {
		fmt.Printf("not mine: %s is %s\n", id, answer.Current.State)
		os.Exit(2)
	}
	j.take(code, answer)
	fmt.Printf("started %s, attempt %d\n", id, j.status.Attempt)
	return j
}

// report makes a change, if this is still the attempt at work: a late report must not get into the next one.
func (j *job) report(method, path string, body any) {
	j.take(send(method, fmt.Sprintf("%s%s?attempt=%d", j.url, path, j.status.Attempt), body))
}

func main() {
	log.SetFlags(0)
	mathrand.Seed(time.Now().UnixNano())
	files := os.Args[3:]
	j := start(os.Args[1], os.Args[2])
	lines, unreadable := 0, 0
	for n, file := range files {
		if j.status.KillRequested { // each answer tells
			j.report("POST", "/killed", nil)
			fmt.Printf("killed after %d of %d files\n", n, len(files))
			os.Exit(3)
		}
		content, err := os.ReadFile(file)
		if err == nil {
			found := bytes.Count(content, []byte("\n"))
			lines += found
			fmt.Printf("%s: %d lines\n", file, found)
		} else {
			unreadable++
			fmt.Printf("%s: can't be read\n", file)
			j.report("POST", "/errors", map[string]string{"file": file, "message": "can't be read"})
		}
		j.report("PUT", "/progress", map[string]int{"at": n + 1, "out_of": len(files)})
	}
	if unreadable > 0 {
		j.report("POST", "/failed", nil)
		fmt.Printf("failed: %d of %d files can't be read\n", unreadable, len(files))
		os.Exit(1)
	}
	j.report("POST", "/succeeded", map[string]any{"data": map[string]int{"lines": lines}})
	fmt.Printf("done: %d lines\n", lines)
}
