#!/usr/bin/env python3
"""Loads statuses straight into Redis, as the service itself would have stored them.

usage: load.py PORT [N]      PORT of a Redis on this machine; N statuses, 1,000,000 without

The service stamps changes with its own clock, and this needs a month of them: so the loader writes the keys of
docs/redis-layout.md itself. check() compares what it writes of each kind with what the service writes.

Skew: 95 % succeeded, 3 % failed, 1 % started, the rest in the other states; 200 job names by Zipf's law; one argument
of 50,000; recorded over the last 30 days. The same seed gives the same statuses, less the time of day.
"""
import bisect
import itertools
import random
import sys
import time

from resp import Redis, encode

SEED = 20261124
DAYS = 30
NAMES, ARGUMENTS = 200, 50_000
PREFIX = "jobba:"
SHARES = {  # per thousand
    "succeeded": 950, "failed": 30, "started": 10, "queued": 4, "unqueued": 2, "killed": 2, "unknown": 2,
}
STEPS = {  # the states that were entered before, and the state itself
    "unqueued": [], "unknown": [], "queued": ["queued"], "started": ["queued", "started"],
    "succeeded": ["queued", "started", "succeeded"], "failed": ["queued", "started", "failed"],
    "killed": ["queued", "started", "killed"],
}
ERROR = '{"message":"the printer is on fire"}'


def job_name(rank):
    return f"Job{rank:03}"


def argument(number):
    return f"gid://app/Book/{number}"


def make_id(rng):
    digits = f"{rng.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def make_times(state, recorded_at, rng):
    """{"recorded_at": ..., "queued_at": ...} in microseconds."""
    times, now = {"recorded_at": recorded_at}, recorded_at
    for step in STEPS[state]:
        now += rng.randrange(1_000, 60_000_000)
        times[f"{step}_at"] = now
    return times


def fields_of(status_id, state, name, book, times, rng):
    """The hash, each value as JSON text."""
    progress = {"succeeded": "1.0", "started": f"{rng.random():.2f}", "failed": "0.5"}.get(state, "0")
    return {
        "id": f'"{status_id}"', "progress": progress, "errors": f"[{ERROR}]" if state == "failed" else "[]",
        "attempt": "0", "state": f'"{state}"', "job_name": f'"{name}"', "job_args": f'{{"book":"{book}"}}',
        **times, "updated_at": max(times.values()), "rev": 1 + len(STEPS[state]),
    }


class Indexes:
    """Gathers what goes into each set and sorted set, and writes it with few commands."""

    AT_A_TIME = 500

    def __init__(self, write):
        self.write, self.sets, self.sorted_sets = write, {}, {}

    def add(self, name, status_id):
        self.gather(self.sets, "SADD", name, (status_id,))

    def add_time(self, name, time_us, status_id):
        self.gather(self.sorted_sets, "ZADD", name, (time_us, status_id))

    def gather(self, where, command, name, what):
        members = where.setdefault(name, [])
        members.extend(what)
        if len(members) >= self.AT_A_TIME:
            self.write(encode(command, PREFIX + name, *members))
            members.clear()

    def finish(self):
        for where, command in (self.sets, "SADD"), (self.sorted_sets, "ZADD"):
            for name, members in where.items():
                if members:
                    self.write(encode(command, PREFIX + name, *members))


class Writer:
    """Sends in batches; every reply is a number."""

    def __init__(self, redis):
        self.redis, self.commands = redis, []

    def write(self, command):
        self.commands.append(command)
        if len(self.commands) >= 5_000:
            self.flush()

    def flush(self):
        self.redis.pipeline(self.commands)
        self.commands.clear()


def put(indexes, write, status_id, state, name, book, times, rng):
    fields = fields_of(status_id, state, name, book, times, rng)
    write(encode("HSET", f"{PREFIX}id:{status_id}", *itertools.chain.from_iterable(fields.items())))
    indexes.add(state, status_id)
    indexes.add(f"job_name:{name}", status_id)
    indexes.add(f"job_arg:{book}", status_id)
    for time_name, time_us in times.items():
        indexes.add_time(time_name, time_us, status_id)


def load(redis, count):
    rng, now = random.Random(SEED), int(time.time() * 1e6)
    writer = Writer(redis)
    indexes = Indexes(writer.write)
    states = [state for state, share in SHARES.items() for _ in range(share)]
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(NAMES)))
    for _ in range(count):
        state = states[rng.randrange(1000)]
        name = job_name(bisect.bisect(weights, rng.random() * weights[-1]))
        times = make_times(state, now - rng.randrange(200_000_000, DAYS * 86_400_000_000), rng)
        put(indexes, writer.write, make_id(rng), state, name, argument(rng.randrange(ARGUMENTS)), times, rng)
    indexes.finish()
    writer.flush()


# ---- the check ----

def found_in(redis, status_id):
    """The fields of a status' hash, and the indexes that it is in."""
    fields = redis.command("HGETALL", f"{PREFIX}id:{status_id}")[::2]
    indexes = []
    for key in redis.command("KEYS", PREFIX + "*"):
        kind = redis.command("TYPE", key)
        if kind == b"set" and redis.command("SISMEMBER", key, status_id):
            indexes.append(key)
        if kind == b"zset" and redis.command("ZSCORE", key, status_id) is not None:
            indexes.append(key)
    return sorted(fields), sorted(indexes)


def check(redis, request, url):
    """That the service stores statuses of each kind in the same fields and indexes. Leaves Redis empty."""
    rng = random.Random(SEED)
    for state, steps in STEPS.items():
        body = {"id": "service", "job_name": job_name(0), "job_args": {"book": argument(0)}}
        request("POST", f"{url}/statuses", body if steps else {**body, "state": state})
        for step in steps:
            error = {"error": {"message": "the printer is on fire"}} if step == "failed" else {}
            request("POST", f"{url}/statuses/service/{step}", error)
        writer = Writer(redis)
        indexes = Indexes(writer.write)
        put(indexes, writer.write, "loader", state, job_name(0), argument(0), make_times(state, 10**15, rng), rng)
        indexes.finish()
        writer.flush()
        if found_in(redis, "loader") != found_in(redis, "service"):
            raise RuntimeError(f"{state}: {found_in(redis, 'loader')} is not {found_in(redis, 'service')}")
        redis.command("FLUSHALL")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    load(Redis(int(sys.argv[1])), int(sys.argv[2]) if len(sys.argv) == 3 else 1_000_000)
