#!/usr/bin/env python3
"""A job that reports to jobbad: it counts the lines of files. docs/workers.md tells why it does what it does.

usage: worker.py URL ID FILE...    URL: of jobbad, such as http://localhost:8080; ID: of the status
"""
import http.client
import json
import random
import sys
import time
import urllib.error
import urllib.request
import uuid

TRIES, TRY_SECONDS = 12, 5
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5  # seconds
LATER = (502, 503, 504)


def send(method, url, body=None):
    """Sends a request until it is answered, always with the same key. Returns the status code and the JSON."""
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    for n in range(TRIES):
        if n:
            time.sleep(min(FIRST_PAUSE * 2 ** (n - 1), LONGEST_PAUSE) * random.uniform(0.5, 1))
        try:
            request = urllib.request.Request(url, data, headers, method=method)
            try:
                answer = urllib.request.urlopen(request, timeout=TRY_SECONDS)
            except urllib.error.HTTPError as error:  # 4xx and 5xx are answers, too
                answer = error
            with answer:
                code, text = answer.status, answer.read()
            if code not in LATER:
                return code, json.loads(text)
        except (OSError, http.client.HTTPException, ValueError) as error:  # not there, cut off, or silent
            print(f"{method} {url}: {error!r}", file=sys.stderr)
    sys.exit(f"{method} {url}: no answer")


class Job:
    """The attempt of the job that this process works on."""

    def __init__(self, url, job_id):
        self.url = f"{url}/statuses/{job_id}"
        # A claim: of several workers that try, one succeeds.
        code, self.status = send("POST", f"{self.url}/started?if_state=unqueued,queued,failed")
        if code == 409:
            print(f"not mine: {job_id} is {self.status['current']['state']}")
            sys.exit(2)
        self.check(code)
        print(f"started {job_id}, attempt {self.status['attempt']}")

    def report(self, method, path, body=None):
        """A change, if this is still the attempt at work: a late report must not get into the next one."""
        code, self.status = send(method, f"{self.url}{path}?attempt={self.status['attempt']}", body)
        self.check(code)

    def check(self, code):
        if code >= 300:
            print(f"{code}: {self.status['title']}", file=sys.stderr)
            sys.exit(4)


def main(url, job_id, *files):
    job = Job(url, job_id)
    lines = unreadable = 0
    for n, file in enumerate(files):
        if job.status["kill_requested"]:  # each answer tells
            job.report("POST", "/killed")
            print(f"killed after {n} of {len(files)} files")
            return 3
        try:
            with open(file, "rb") as content:
                found = content.read().count(b"\n")
            lines += found
            print(f"{file}: {found} lines")
        except OSError:
            unreadable += 1
            print(f"{file}: can't be read")
            job.report("POST", "/errors", {"file": file, "message": "can't be read"})
        job.report("PUT", "/progress", {"at": n + 1, "out_of": len(files)})
    if unreadable:
        job.report("POST", "/failed")
        print(f"failed: {unreadable} of {len(files)} files can't be read")
        return 1
    job.report("POST", "/succeeded", {"data": {"lines": lines}})
    print(f"done: {lines} lines")
    return 0


sys.exit(main(*sys.argv[1:]))
