"""Queries, counts, bulk changes and exports over a million statuses, and the same by the gem's method."""
import http.client
import json
import math
import statistics
import threading
import time
import urllib.parse

import load
from processes import Rig, cpu_seconds, request, resident_kib
from resp import Redis, encode

TURNS = 100
OWN_COMMANDS = b"SLOWLOG", b"INFO", b"CONFIG", b"ZRANGE", b"ZREVRANGE"  # of the benchmark, not of the service
NDJSON = {"Accept": "application/x-ndjson"}


# ---- asking and timing ----

class Client:
    """One keep-alive connection."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]}")
        return content

    def get(self, path):
        return json.loads(self.ask("GET", path))


def milliseconds(function, turns):
    """How long each call took; `function` gets the number of the turn."""
    times = []
    for turn in range(turns):
        begin = time.perf_counter()
        function(turn)
        times.append((time.perf_counter() - begin) * 1e3)
    return times


def percentile(times, percent):
    return sorted(times)[min(len(times) - 1, int(len(times) * percent / 100))]


def target(query):
    return "/statuses?" + urllib.parse.urlencode(query)


def explain(client, query):
    """Candidates that a query looks at."""
    body = {"where": {key: query[key] for key in query if key not in ("limit", "cursor")}, "limit": query["limit"]}
    for name in [name for name in body["where"] if name.endswith("_before")]:
        age = int(body["where"].pop(name).strip("-h")) * 3_600_000_000
        body["where"][name.replace("_before", "_at")] = {"before": int(time.time() * 1e6) - age}
    answer = json.loads(client.ask("POST", "/statuses:query?explain=true", json.dumps(body)))
    return answer["explain"]["looked_at"]


def verdict(what, value, most, unit=""):
    print(f"  {'met   ' if value <= most else 'MISSED'} {what}: {value:.2f}{unit} (wanted: at most {most:g}{unit})")


# ---- queries ----

def queries():
    """name -> the query of a turn, the p50 and p99 wanted in ms, whether sqrt(N * limit) candidates bound it."""
    def common(turn):
        return load.job_name(turn % 5)

    def other(turn):
        return load.job_name(turn * 7 % load.NAMES)

    return {
        "newest 10 failed": (lambda turn: {"state": "failed", "limit": 10}, 4, 20, True),
        "newest 10 failed of a common name":
            (lambda turn: {"state": "failed", "job_name": common(turn), "limit": 10}, 4, 20, False),
        "newest 10 failed of any name":
            (lambda turn: {"state": "failed", "job_name": other(turn), "limit": 10}, 30, 30, False),
        "newest 10 of a name": (lambda turn: {"job_name": other(turn), "limit": 10}, 4, 20, True),
        "started longer ago than an hour":
            (lambda turn: {"state": "started", "started_before": "-1h", "limit": 10}, 4, 20, False),
        "by one argument":
            (lambda turn: {"job_arg": load.argument(turn * 499 % load.ARGUMENTS), "limit": 10}, 4, 20, True),
    }


def measure_queries(client, count):
    print(f"\n{'Queries, nothing else running':38} {'p50 ms':>8} {'p99 ms':>8} {'candidates':>11} {'most':>8}")
    verdicts = []
    for name, (query, p50, p99, is_bounded) in queries().items():
        turns = load.NAMES if "any name" in name else TURNS
        times = milliseconds(lambda turn, query=query: client.get(target(query(turn))), turns)
        looked_at = [explain(client, query(turn)) for turn in range(turns)]
        print(f"  {name:36} {percentile(times, 50):8.2f} {percentile(times, 99):8.2f} "
              f"{statistics.median(looked_at):11.0f} {max(looked_at):8}")
        verdicts += [(f"{name}, p50", percentile(times, 50), p50, " ms"),
                     (f"{name}, p99", percentile(times, 99), p99, " ms")]
        if is_bounded:
            # "About": how many it takes to find ten is chance, so that the most of many turns goes beyond the mean.
            verdicts.append((f"{name}, candidates at most", max(looked_at), 1.25 * math.isqrt(count * 10), ""))
    verdicts += measure_cursor(client, count)
    for line in verdicts:
        verdict(*line)


def measure_cursor(client, count):
    """Page 1,000 of a walk, or the last but one of a small store."""
    cursor, pages = "", min(999, count // 100 - 2)
    for _ in range(pages):
        cursor = client.get("/statuses?fields=id&limit=100&cursor=" + cursor if cursor else "/statuses?limit=100")[
            "next_cursor"]
    times = milliseconds(lambda turn: client.get(f"/statuses?limit=100&cursor={cursor}"), TURNS)
    print(f"  {f'page {pages + 1} of a walk, 100 a page':36} {percentile(times, 50):8.2f} {percentile(times, 99):8.2f}")
    return [("page of a walk, p50", percentile(times, 50), 4, " ms"),
            ("page of a walk, p99", percentile(times, 99), 20, " ms")]


# ---- counts ----

def measure_counts(client, redis):
    one = milliseconds(lambda turn: client.get("/statuses:count?state=succeeded"), TURNS)
    small = milliseconds(lambda turn: client.get("/statuses:count?state=killed"), TURNS)
    before = redis.script_microseconds()
    two = milliseconds(lambda turn: client.get("/statuses:count?state=failed&job_name=" + load.job_name(0)), 20)
    failed, named = (redis.command("SCARD", load.PREFIX + key) for key in ("failed", "job_name:" + load.job_name(0)))
    cost = (redis.script_microseconds() - before) / 20 / min(failed, named)
    print(f"\nCounts: a state {statistics.median(one):.2f} ms, two clauses {statistics.median(two):.1f} ms "
          f"({failed} and {named})")
    verdict("count of the biggest state against that of a small one", statistics.median(one) / statistics.median(small),
            1.5)
    verdict("Redis time for a candidate of a two-clause count", cost, 3, " us")


# ---- the gem's method (the seed's README, "Efficiency"): whole sets into temporary keys, ids sorted in the client ----

def gem_intersection(redis, *indexes):
    """The temporary key in which each clause has been copied and intersected."""
    copies = [f"{load.PREFIX}temp:{number}" for number in range(len(indexes))]
    for copy, index in zip(copies, indexes):
        redis.command("ZUNIONSTORE", copy, 1, load.PREFIX + index)
    redis.command("ZINTERSTORE", load.PREFIX + "temp", len(copies), *copies)
    return copies


def gem_list(redis, *indexes):
    copies = gem_intersection(redis, *indexes)
    ids = sorted(redis.command("ZRANGE", load.PREFIX + "temp", 0, -1))
    redis.command("DEL", load.PREFIX + "temp", *copies)
    redis.pipeline([encode("HGETALL", load.PREFIX + "id:" + status_id.decode()) for status_id in ids[:10]])


def gem_count(redis, *indexes):
    copies = gem_intersection(redis, *indexes)
    redis.command("ZCARD", load.PREFIX + "temp")
    redis.command("DEL", load.PREFIX + "temp", *copies)


def gem_single(redis, index):
    ids = sorted(redis.command("SMEMBERS", load.PREFIX + index))
    redis.pipeline([encode("HGETALL", load.PREFIX + "id:" + status_id.decode()) for status_id in ids[:10]])


def compare_with_gem(client, redis, rig):
    name = load.job_name(0)
    pairs = {
        "10 failed": ("/statuses?state=failed&limit=10", lambda: gem_single(redis, "failed")),
        "10 failed of a name": (f"/statuses?state=failed&job_name={name}&limit=10",
                                lambda: gem_list(redis, "failed", "job_name:" + name)),
        "10 succeeded of a name": (f"/statuses?state=succeeded&job_name={name}&limit=10",
                                   lambda: gem_list(redis, "succeeded", "job_name:" + name)),
        "count of failed of a name": (f"/statuses:count?state=failed&job_name={name}",
                                      lambda: gem_count(redis, "failed", "job_name:" + name)),
    }
    print(f"\n{'The same by the method of the gem':38} {'ours ms':>8} {'gem ms':>9} {'times':>7} {'CPU of Redis':>13}")
    for what, (path, gem) in pairs.items():
        ours, ours_cpu = timed_with_cpu(rig, lambda path=path: client.get(path), 5)
        theirs, theirs_cpu = timed_with_cpu(rig, gem, 3)
        print(f"  {what:36} {ours:8.2f} {theirs:9.1f} {theirs / ours:7.0f} {theirs_cpu / max(ours_cpu, 1e-4):13.0f}")


def timed_with_cpu(rig, function, turns):
    """Median milliseconds of a call, and the CPU seconds that it cost Redis; many calls, as CPU is told in ticks."""
    times, before = [], cpu_seconds(rig.redis)
    end = time.monotonic() + 1
    while len(times) < turns or time.monotonic() < end:
        times += milliseconds(lambda turn: function(), 1)
    return statistics.median(times), (cpu_seconds(rig.redis) - before) / len(times)


# ---- bulk and export ----

class Gets(threading.Thread):
    """GETs of single statuses at a fixed pace until it is stopped."""

    def __init__(self, url, ids):
        super().__init__()
        self.client, self.ids, self.times, self.stopped = Client(url), ids, [], False

    def run(self):
        while not self.stopped:
            path = f"/statuses/{self.ids[len(self.times) % len(self.ids)]}"
            self.times += milliseconds(lambda turn, path=path: self.client.ask("GET", path), 1)
            time.sleep(0.002)

    def stop(self):
        self.stopped = True
        self.join()
        return self.times


def measure_bulk(client, redis, url, count):
    wanted = count // 10
    newest = [i.decode() for i in redis.command("ZREVRANGE", load.PREFIX + "recorded_at", 0, 999)]
    bound = int(redis.command("ZRANGE", load.PREFIX + "recorded_at", wanted, wanted, "WITHSCORES")[1])
    alone = Gets(url, newest)
    alone.start()
    time.sleep(5)
    idle = alone.stop()
    during = Gets(url, newest)
    during.start()
    begin = time.perf_counter()
    answer = json.loads(client.ask("DELETE", f"/statuses?recorded_before={bound}&force=true"))
    seconds = time.perf_counter() - begin
    busy = during.stop()
    print(f"\nBulk delete of {answer['deleted']}: {seconds:.1f} s, {seconds / answer['deleted'] * 1e6:.0f} us each; "
          f"GETs meanwhile: p50 {percentile(busy, 50):.2f} ms, p99 {percentile(busy, 99):.2f} ms; "
          f"alone: {percentile(idle, 50):.2f}, {percentile(idle, 99):.2f}")
    verdict("p99 of GETs during the delete against alone", percentile(busy, 99) / percentile(idle, 99), 3)


def measure_export(client, jobbad):
    before, most, lines = resident_kib(jobbad), 0, 0
    begin = time.perf_counter()
    client.connection.request("GET", "/statuses", headers=NDJSON)
    answer = client.connection.getresponse()
    while part := answer.read(1 << 20):
        lines += part.count(b"\n")
        most = max(most, resident_kib(jobbad))
    seconds = time.perf_counter() - begin
    print(f"\nExport of {lines} as NDJSON: {seconds:.1f} s, {lines / seconds:.0f} statuses/s")
    verdict("memory grown", (most - before) / 1024, 16, " MiB")


# ---- Redis ----

def watch_slow_commands(redis):
    redis.command("CONFIG", "SET", "slowlog-log-slower-than", 1000)
    redis.command("CONFIG", "SET", "slowlog-max-len", 1_000_000)
    redis.command("SLOWLOG", "RESET")
    redis.command("CONFIG", "RESETSTAT")


def report_slow_commands(redis):
    total = int(redis.info("stats")["total_commands_processed"])
    entries = [entry for entry in redis.command("SLOWLOG", "GET", -1) if entry[3][0] not in OWN_COMMANDS]
    slow = [entry[2] / 1e3 for entry in entries]
    over = sum(time_ms > 6 for time_ms in slow)
    print(f"\nRedis: {total} commands and scripts, {len(slow)} took over 1 ms ({percentile(slow, 50):.2f} ms in the "
          f"middle, p99 {percentile(slow, 99):.2f} ms), {over} over 6 ms; "
          f"not scripts: {sum(entry[3][0] != b'EVALSHA' for entry in entries)}")
    verdict("over 6 ms, of all", over / total * 100, 0.1, " %")
    verdict("the longest", max(slow, default=0), 25, " ms")


def measure_memory(count, redis, empty):
    used = int(redis.info("memory")["used_memory"]) - empty
    print(f"\nMemory of Redis: {used / count:.0f} bytes for each of the {count} statuses, their indexes included")


def memory_of_layout(own_fields):
    """Bytes for a status with a name and three times, in our fields or in the gem's."""
    with Rig() as rig:
        redis, times = Redis(rig.redis_port), ("recorded_at", "queued_at", "started_at")
        rng, writer = load.random.Random(load.SEED), load.Writer(redis)
        indexes, empty = load.Indexes(writer.write), int(redis.info("memory")["used_memory"])
        for number in range(100_000):
            status_id, stamp = load.make_id(rng), 1_760_000_000_000_000 + number
            fields = {"id": f'"{status_id}"', "progress": "0", "errors": "[]", "attempt": "0", "state": '"started"',
                      "job_name": f'"{load.job_name(number % 200)}"', **{name: stamp for name in times}}
            if own_fields:
                fields |= {"updated_at": stamp, "rev": 3}
            writer.write(encode("HSET", f"{load.PREFIX}id:{status_id}", *(x for pair in fields.items() for x in pair)))
            indexes.add("started", status_id)
            indexes.add(f"job_name:{load.job_name(number % 200)}", status_id)
            for name in times:
                indexes.add_time(name, stamp, status_id)
        indexes.finish()
        writer.flush()
        return (int(redis.info("memory")["used_memory"]) - empty) / 100_000


def compare_layouts():
    ours, gem = memory_of_layout(True), memory_of_layout(False)
    print(f"\nA status with a name and three times: {ours:.0f} bytes; {gem:.0f} with the fields of the gem only")
    verdict("against the 1,100 bytes of the gem's layout", ours / 1100, 1.15)


def bench_scale(binary, count=1_000_000):
    with Rig() as rig:
        jobbad, url = rig.start_jobbad(binary)
        redis, client = Redis(rig.redis_port), Client(url)
        load.check(redis, request, url)
        empty = int(redis.info("memory")["used_memory"])
        begin = time.perf_counter()
        load.load(redis, count)
        print(f"\nLoaded {count} statuses in {time.perf_counter() - begin:.0f} s")
        measure_memory(count, redis, empty)
        compare_with_gem(client, redis, rig)
        watch_slow_commands(redis)
        measure_queries(client, count)
        measure_counts(client, redis)
        measure_export(Client(url), jobbad)
        measure_bulk(client, redis, url, count)
        report_slow_commands(redis)
    compare_layouts()
