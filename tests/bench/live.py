"""Watching: thousands of event streams while statuses change, and thousands of waits while nothing does."""
import contextlib
import re
import selectors
import socket
import statistics
import threading
import time

from pairs import verdict
from processes import Rig, cpu_seconds, request, resident_kib
from resp import Redis

STREAMS, STATUSES, WAITS = 5000, 1000, 5000
CHANGES_PER_SECOND, SECONDS = 500, 10
THREADS = 2


def connect(url):
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)))


def ask(url, target):
    connection = connect(url)
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


class Streams(threading.Thread):
    """Reads all streams and keeps when each change was seen on each of them."""

    MARK = re.compile(rb'"data":(\d+),')

    def __init__(self, url, count):
        super().__init__(daemon=True)
        self.selector = selectors.EpollSelector()
        self.seen, self.ready, self.going = [], 0, True
        for number in range(count):
            connection = ask(url, f"/statuses/live{number % STATUSES}/events")
            connection.setblocking(False)
            self.selector.register(connection, selectors.EVENT_READ)

    def run(self):
        while self.going:
            for key, _ in self.selector.select(0.2):
                data, now = key.fileobj.recv(65536), time.monotonic()
                if not data:
                    raise RuntimeError("a stream was closed")
                self.ready += data.count(b"event: ready")
                self.seen += [(int(mark), now) for mark in self.MARK.findall(data)]

    def wait_for(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.ready} streams are ready, {len(self.seen)} events have come")
            time.sleep(0.05)


def change_all(url, count, per_second):
    """Writes a number into one status after the other; when each was answered."""
    connection, answered = connect(url), {}
    begun = time.monotonic()
    for number in range(count):
        pause = begun + number / per_second - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        body = str(number)
        connection.sendall(
            f"PUT /statuses/live{number % STATUSES}/data HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Prefer: return=minimal\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        if b" 204 " not in connection.recv(4096):
            raise RuntimeError("a change was not made")
        answered[number] = time.monotonic()
    connection.close()
    return answered


def hgetall_calls(redis):
    found = re.search(r"cmdstat_hgetall:calls=(\d+)", redis.command("INFO", "commandstats").decode())
    return int(found.group(1)) if found else 0


def create_statuses(url):
    for number in range(STATUSES):
        request("PUT", f"{url}/statuses/live{number}", {"job_name": "live", "job_args": {"n": str(number)}})


def bench_streams(binary):
    with Rig() as rig:
        jobbad, url = rig.start_jobbad(binary, "--threads", str(THREADS))
        redis = Redis(rig.redis_port)
        create_statuses(url)
        before = resident_kib(jobbad)
        streams = Streams(url, STREAMS)
        streams.start()
        streams.wait_for(lambda: streams.ready == STREAMS)
        each = (resident_kib(jobbad) - before) / STREAMS
        count = CHANGES_PER_SECOND * SECONDS
        reads, cpu = hgetall_calls(redis), cpu_seconds(jobbad) + cpu_seconds(rig.redis)
        answered = change_all(url, count, CHANGES_PER_SECOND)
        expected = count * STREAMS // STATUSES
        streams.wait_for(lambda: len(streams.seen) >= expected)
        reads = hgetall_calls(redis) - reads
        cpu = cpu_seconds(jobbad) + cpu_seconds(rig.redis) - cpu
        streams.going = False
        streams.join()
        late = sorted(max(0, (at - answered[number]) * 1000) for number, at in streams.seen)
        print(f"\nEvents: {STREAMS} streams on {STATUSES} statuses, {CHANGES_PER_SECOND} changes/s for {SECONDS} s, "
              f"{len(late)} events, {cpu / SECONDS:.2f} s of CPU per second")
        print(f"  from a change's answer to its event: median {statistics.median(late):.1f} ms, "
              f"p99 {late[len(late) * 99 // 100]:.1f} ms, worst {late[-1]:.1f} ms")
        verdict("p99 in ms from the answer to the event", late[len(late) * 99 // 100], most=100)
        verdict("KiB of memory for each stream", each, most=24)
        verdict("reads for each change and worker", reads / count / THREADS, most=1.05)
        verdict("events that came, of those expected", len(late) / expected, least=1)


def bench_waits(binary):
    with Rig() as rig, contextlib.ExitStack() as waits:
        jobbad, url = rig.start_jobbad(binary, "--threads", str(THREADS), "--max-wait", "600s")
        create_statuses(url)
        for number in range(WAITS):
            waits.enter_context(ask(url, f"/statuses/live{number % STATUSES}?wait=600s"))
        request("GET", f"{url}/statuses/live0")
        time.sleep(1)
        before = cpu_seconds(jobbad) + cpu_seconds(rig.redis)
        time.sleep(SECONDS)
        cpu = cpu_seconds(jobbad) + cpu_seconds(rig.redis) - before
        print(f"\nWaits: {WAITS} pending, nothing changes: {cpu * 1000:.0f} ms of CPU in {SECONDS} s")
        verdict("ms of CPU per second, Redis included", cpu / SECONDS * 1000, most=10)


def bench_live(binary):
    bench_streams(binary)
    bench_waits(binary)
