#!/usr/bin/env python3
"""Counts the tests that ran in build directories, from the JUnit reports of `meson test`, and lists what failed.

usage: count_results.py BUILD_DIRECTORY...

The last line is 'N passed, N failed', with ', N skipped' if there are any. Fails if a test failed, if a test program
ended badly whatever its tests said, or if a directory ran none.
"""
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

GOOD_ENDS = ("OK", "SKIP")


def cases_of(build):
    """(suite, name, element) of each test in the report."""
    report = build / "meson-logs" / "testlog.junit.xml"
    if not report.exists():
        return
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            yield suite.get("name"), case.get("name"), case


def bad_programs(build):
    """Test programs that crashed, timed out or ended with an error, and their output."""
    log = build / "meson-logs" / "testlog.json"
    if not log.exists():
        return
    for line in log.read_text().splitlines():
        program = json.loads(line)
        if program["result"] not in GOOD_ENDS:
            yield program["name"], program["result"], program.get("stdout", "") + program.get("stderr", "")


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def count(build, totals):
    ran = 0
    failed_suites = set()
    for suite, name, case in cases_of(build):
        ran += 1
        totals[outcome(case)] += 1
        if outcome(case) == "failed":
            failed_suites.add(suite)
            print(f"FAILED {build.name}: {suite}: {name}")
    for name, result, output in bad_programs(build):
        print(f"FAILED {build.name}: {name}: {result}\n{output[-6000:]}")
        if not any(name in suite for suite in failed_suites):
            totals["failed"] += 1  # its tests all passed, and yet it ended badly
    if not ran:
        print(f"FAILED {build.name}: no test ran")
        totals["failed"] += 1
    print(f"{build.name}: {ran} tests")


def main():
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    for build in sys.argv[1:]:
        count(pathlib.Path(build), totals)
    skipped = f", {totals['skipped']} skipped" if totals["skipped"] else ""
    print(f"{totals['passed']} passed, {totals['failed']} failed{skipped}")
    sys.exit(1 if totals["failed"] or not totals["passed"] else 0)


main()
