"""What retry-safe writes cost: batches, keys, and reads of what has not changed."""
import re
import statistics
import subprocess

from pairs import ROUNDS, SECONDS, STATUS, Load, create_statuses, print_table, run_in_turns, verdict
from processes import Rig, cpu_seconds, request
from resp import Redis

OPERATIONS = 100  # in a batch: BATCH of requests.lua


class Pipelined:
    """redis-benchmark with the script calls that the service sends, so many of them in a pipeline."""

    def __init__(self, rig, command):
        self.rig, self.command = rig, command
        self.rates, self.cpu = [], []

    def run(self):
        count = 300_000
        before = cpu_seconds(self.rig.redis)
        output = subprocess.run(
            ["redis-benchmark", "-p", str(self.rig.redis_port), "-q", "-c", "16", "-P", str(OPERATIONS),
             "-n", str(count), "-r", str(OPERATIONS), *self.command], capture_output=True, text=True, check=True).stdout
        self.rates.append(float(re.findall(r"([\d.]+) requests per second", output)[-1]))
        self.cpu.append((cpu_seconds(self.rig.redis) - before) / count * 1e6)


def script_call_of(rig, url, status_id):
    """The command by which the service makes a progress report, as MONITOR shows it."""
    monitor = Redis(rig.redis_port)
    monitor.command("MONITOR")
    request("PUT", f"{url}/statuses/{status_id}/progress", {"at": 1, "out_of": 4})
    while True:
        line = monitor.reply().decode()
        if '"EVALSHA"' in line and status_id in line:
            return re.findall(r'"((?:[^"\\]|\\.)*)"', line)


def bench_batch(binary):
    with Rig() as rig:
        jobbad, url = rig.start_jobbad(binary)
        for number in range(OPERATIONS):
            request("POST", f"{url}/statuses", {**STATUS, "id": f"bench{number}"})
            request("POST", f"{url}/statuses", {**STATUS, "id": f"bench{number:012}"})  # redis-benchmark's spelling
        call = script_call_of(rig, url, "bench7")
        floor = Pipelined(rig, [part.replace("bench7", "bench__rand_int__") for part in call])
        batches = [Load(f"batches of {OPERATIONS}{name}", jobbad, rig.redis, url, kind)
                   for name, kind in ((", minimal", "batch_minimal"), ("", "batch"))]
        singles = [Load(f"single reports, minimal{name}", jobbad, rig.redis, url, "progress_minimal")
                   for name in ("", ", 1 client")]
        lone = Load(f"batches of {OPERATIONS}, minimal, 1 client", jobbad, rig.redis, url, "batch_minimal")
        singles[1].connections = lone.connections = 1
        loads = [*batches, lone, *singles]
        for load in loads:
            load.run(1), load.rates.clear(), load.cpu_server.clear(), load.cpu_redis.clear()
        for _ in range(ROUNDS):
            floor.run()
            for load in loads:
                load.run()
        print_batches(floor, [*batches, lone], singles)


def print_batches(floor, batches, singles):
    def against(load, other):
        return statistics.median(a * OPERATIONS / b for a, b in zip(load.rates, other.rates))

    print(f"\nProgress reports, median of {ROUNDS} turns of {SECONDS} s")
    print(f"  {'':34} {'reports/s':>10} {'ratio':>7} {'CPU us: server':>15} {'+ redis':>8}")
    print(f"  {'redis-benchmark, the script calls':34} {statistics.median(floor.rates):10.0f} {1:7.2f} {'':15} "
          f"{statistics.median(floor.cpu):8.1f}")
    for load in batches:
        print(f"  {load.name:34} {statistics.median(load.rates) * OPERATIONS:10.0f} {against(load, floor):7.2f} "
              f"{statistics.median(load.cpu_server) / OPERATIONS:15.1f} "
              f"{statistics.median(load.cpu_redis) / OPERATIONS:8.1f}")
    for load in singles:
        print(f"  {load.name:34} {statistics.median(load.rates):10.0f} {against(load, floor) / OPERATIONS:7.2f} "
              f"{statistics.median(load.cpu_server):15.1f} {statistics.median(load.cpu_redis):8.1f}")
    verdict("reports in batches against the same script calls pipelined", against(batches[0], floor), least=0.6)
    verdict("of one client, in batches against single ones", against(batches[2], singles[1]), least=5)
    verdict("of 64 clients, in batches against single ones", against(batches[0], singles[0]), least=5)


def bench_key(binary):
    with Rig() as rig:
        jobbad, url = rig.start_jobbad(binary)
        create_statuses(url)
        keyed = Load("a report with a key of its own", jobbad, rig.redis, url, "keyed")
        keyless = Load("a report without", jobbad, rig.redis, url, "keyless")
        redis = Redis(rig.redis_port)
        run_in_turns([keyless, keyed])
        keys, bytes_used = keys_and_bytes(redis)
        print_table("Idempotency-Key", [keyless, keyed], keyless)
        print(f"  A key takes {bytes_used:.0f} bytes of Redis ({keys} keys of about 20 characters)")
        verdict("CPU of a change with a key against one without",
                statistics.median(keyed.cpu(i) / keyless.cpu(i) for i in range(ROUNDS)), most=1.35)


def keys_and_bytes(redis):
    """How many keys there are besides those of the statuses, and the memory that each of them takes."""
    def used():
        return int(re.search(rb"used_memory:(\d+)", redis.command("INFO", "memory")).group(1))

    before, count = used(), redis.command("DBSIZE")
    cursor = b"0"
    while True:
        cursor, found = redis.command("SCAN", cursor, "MATCH", "jobba~key:*", "COUNT", 10_000)
        if found:
            redis.command("DEL", *found)
        if cursor == b"0":
            break
    gone = count - redis.command("DBSIZE")
    return gone, (before - used()) / gone


class HeyLoad(Load):
    """The same with hey: wrk waits for the body whose length a 304 tells."""

    def run(self, seconds=SECONDS):
        headers = ["-H", f"If-None-Match: {self.kind[0]}"] if self.kind else []
        before = cpu_seconds(self.server), cpu_seconds(self.redis)
        output = subprocess.run(["hey", "-z", f"{seconds}s", "-c", str(self.connections), *headers, self.url],
                                capture_output=True, text=True, check=True).stdout
        after = cpu_seconds(self.server), cpu_seconds(self.redis)
        (code, requests), = re.findall(r"\[(\d+)\]\s+(\d+) responses", output)  # all the same
        if code != ("304" if self.kind else "200"):
            raise RuntimeError(f"{self.name}: {output}")
        self.rates.append(int(requests) / seconds)
        self.cpu_server.append((after[0] - before[0]) / int(requests) * 1e6)
        self.cpu_redis.append((after[1] - before[1]) / int(requests) * 1e6)


def bench_unchanged(binary):
    with Rig() as rig:
        jobbad, url = rig.start_jobbad(binary)
        create_statuses(url)
        etag = subprocess.run(["curl", "-sI", f"{url}/statuses/bench0"], capture_output=True, text=True,
                              check=True).stdout.split("ETag: ")[1].split()[0]
        whole = HeyLoad("GET, 200", jobbad, rig.redis, f"{url}/statuses/bench0")
        unchanged = HeyLoad("GET with If-None-Match, 304", jobbad, rig.redis, f"{url}/statuses/bench0", etag)
        run_in_turns([whole, unchanged])
        print_table("Reads of what has not changed", [whole, unchanged], whole)
        verdict("CPU of a 304 against the 200",
                statistics.median(unchanged.cpu(i) / whole.cpu(i) for i in range(ROUNDS)), most=1.03)
