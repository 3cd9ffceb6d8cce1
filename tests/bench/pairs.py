"""The benchmarks. Each starts a rig of its own, prints a table and what was asked of it."""
import pathlib
import re
import socket
import statistics
import subprocess
import urllib.request

from processes import Rig, cpu_seconds, request, resident_kib

HERE = pathlib.Path(__file__).parent
ROUNDS = 7
SECONDS = 2
CONNECTIONS = 64

STATUS = {
    "job_name": "PublishBook", "job_args": {"book": "gid://app/Book/53"},
    "provider_job_id": 42, "data": {"page": 7}, "progress": 0.7,
}


class Load:
    """A load: what wrk asks of which server."""

    def __init__(self, name, server, redis, url, kind=None, *more):
        self.name, self.url = name, url
        self.kind = [kind, *more] if kind else None  # of requests.lua, with its arguments; none: the URL itself
        self.server, self.redis = server, redis
        self.connections, self.prefix = CONNECTIONS, []
        self.rates, self.cpu_server, self.cpu_redis = [], [], []

    def run(self, seconds=SECONDS):
        command = [*self.prefix, "wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s"]
        command += ["-s", str(HERE / "requests.lua"), self.url, "--", *self.kind] if self.kind else [self.url]
        before = cpu_seconds(self.server), cpu_seconds(self.redis)
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        after = cpu_seconds(self.server), cpu_seconds(self.redis)
        if "Non-2xx" in output or "Socket errors" in output:
            raise RuntimeError(f"{self.name}: {output}")
        requests = int(re.search(r"(\d+) requests in", output).group(1))
        self.rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)))
        self.cpu_server.append((after[0] - before[0]) / requests * 1e6)
        self.cpu_redis.append((after[1] - before[1]) / requests * 1e6)
        return requests

    def cpu(self, turn):
        return self.cpu_server[turn] + self.cpu_redis[turn]


def run_in_turns(loads):
    for load in loads:
        load.run(1)  # warm: connections, scripts, allocators
        load.rates.clear(), load.cpu_server.clear(), load.cpu_redis.clear()
    for _ in range(ROUNDS):
        for load in loads:
            load.run()


def print_table(title, loads, base):
    print(f"\n{title}: {CONNECTIONS} connections, median of {ROUNDS} turns of {SECONDS} s")
    print(f"  {'':34} {'requests/s':>10} {'ratio':>7} {'CPU us: server':>15} {'+ redis':>8} {'CPU ratio':>10}")
    for load in loads:
        ratio = statistics.median(a / b for a, b in zip(load.rates, base.rates))
        cpu = statistics.median(load.cpu(i) / base.cpu(i) for i in range(ROUNDS))
        print(f"  {load.name:34} {statistics.median(load.rates):10.0f} {ratio:7.2f} "
              f"{statistics.median(load.cpu_server):15.1f} {statistics.median(load.cpu_redis):8.1f} {cpu:10.2f}")


def verdict(what, value, least=None, most=None):
    met = value >= least if least is not None else value <= most
    wanted = f"at least {least}" if least is not None else f"at most {most}"
    print(f"  {'met   ' if met else 'MISSED'} {what}: {value:.2f} (wanted: {wanted})")


def median_ratio(load, base):
    return statistics.median(a / b for a, b in zip(load.rates, base.rates))


def create_statuses(url):
    for number in range(64):
        request("POST", f"{url}/statuses", {**STATUS, "id": f"bench{number}", "state": "queued"})


def bench_get(binary):
    with Rig() as rig:
        jobbad, url = rig.start_jobbad(binary, "--near-cache-mb", "0")  # all of them ask Redis
        webdis, webdis_url = rig.start_webdis()
        create_statuses(url)
        get = Load("jobbad GET status", jobbad, rig.redis, url, "get")
        peer = Load("webdis HGETALL", webdis, rig.redis, webdis_url, "webdis_hgetall")
        floor = Load("jobbad GET /health/live (floor)", jobbad, rig.redis, f"{url}/health/live")
        run_in_turns([get, peer, floor])
        print_table("GET of one status", [get, peer, floor], peer)
        verdict("requests/s against webdis", median_ratio(get, peer), least=1.15)
        verdict("CPU per request against webdis",
                statistics.median(get.cpu(i) / peer.cpu(i) for i in range(ROUNDS)), most=0.65)


def bench_hot(binary):
    """Served from memory: against Redis behind webdis, and against nginx with an answer that never changes."""
    hot, peer, constant = bench_hot_on(binary, "all on two CPUs", None)
    verdict("CPU per request against webdis",
            statistics.median(hot.cpu(i) / peer.cpu(i) for i in range(ROUNDS)), most=0.3)
    # There the load generator, which takes a CPU for itself, is what bounds the fast ones. So also with a CPU for each.
    hot, peer, constant = bench_hot_on(binary, "the servers on one CPU, the load generator on the other", 0)
    verdict("requests/s against webdis", median_ratio(hot, peer), least=2.5)
    verdict("requests/s against nginx", median_ratio(hot, constant), least=0.8)


def bench_hot_on(binary, where, cpu):
    with Rig(on_cpu=cpu) as rig:
        jobbad, url = rig.start_jobbad(binary)
        webdis, webdis_url = rig.start_webdis()
        create_statuses(url)
        body = urllib.request.urlopen(f"{url}/statuses/bench0").read()
        nginx, nginx_url = rig.start_nginx(body)
        hot = Load("jobbad GET hot status", jobbad, rig.redis, url, "get")
        peer = Load("webdis HGETALL", webdis, rig.redis, webdis_url, "webdis_hgetall")
        constant = Load("nginx, a constant of that size", nginx, rig.redis, nginx_url, "constant")
        loads = [hot, peer, constant]
        for load in loads:
            load.prefix = [] if cpu is None else ["taskset", "-c", str(cpu + 1)]
        run_in_turns(loads)
        print_table(f"GET of a hot status, {where}", loads, peer)
        return loads


def bench_change(binary):
    with Rig() as rig:
        jobbad, url = rig.start_jobbad(binary)
        webdis, webdis_url = rig.start_webdis()
        create_statuses(url)
        peer = Load("webdis HSET", webdis, rig.redis, webdis_url, "webdis_hset")
        ours = [Load(f"jobbad {name}", jobbad, rig.redis, url, kind) for name, kind in (
            ("POST a state", "state"), ("POST a state, minimal", "state_minimal"),
            ("PUT progress", "progress"), ("PUT progress, minimal", "progress_minimal"))]
        run_in_turns([*ours, peer])
        print_table("Changes", [*ours, peer], peer)
        # HSET answers with a number: its like is `Prefer: return=minimal`. The others answer with the whole status.
        verdict("a state change against one HSET of webdis", median_ratio(ours[1], peer), least=0.8)
        verdict("a progress report against one HSET of webdis", median_ratio(ours[3], peer), least=0.8)


def bench_memory(binary):
    with Rig() as rig:
        jobbad, url = rig.start_jobbad(binary)
        create_statuses(url)
        load = Load("mixed", jobbad, rig.redis, url, "mixed")
        run_for(load, 500_000)  # allocators fill their pools
        first = resident_kib(jobbad)
        done = run_for(load, 1_000_000)
        last = resident_kib(jobbad)
        print(f"\nMemory: {first} KiB resident, {last} KiB after {done} requests more")
        verdict("bytes grown for each request", (last - first) * 1024 / done, most=1)


def run_for(load, requests):
    done = 0
    while done < requests:
        done += load.run(5)
    return done


def bench_idle(binary):
    with Rig() as rig:
        jobbad, url = rig.start_jobbad(binary)
        create_statuses(url)
        alone = Load("GET alone", jobbad, rig.redis, url, "get")
        among = Load("GET among 1,000 idle connections", jobbad, rig.redis, url, "get")
        alone.run(1), alone.rates.clear(), alone.cpu_server.clear(), alone.cpu_redis.clear()
        for _ in range(ROUNDS):
            alone.run()
            idle = open_idle(url, 1000)
            among.run()
            for connection in idle:
                connection.close()
        print_table("Idle connections", [alone, among], alone)
        verdict("requests/s among 1,000 idle connections against alone", median_ratio(among, alone), least=0.95)


def open_idle(url, count):
    """Keep-alive connections that have had an answer, as a dashboard's are between two polls."""
    host, port = url.removeprefix("http://").split(":")
    connections = []
    for _ in range(count):
        connection = socket.create_connection((host, int(port)), 5)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.recv(1024)
        connections.append(connection)
    return connections
