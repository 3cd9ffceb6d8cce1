#!/usr/bin/env node
// A job that reports to jobbad: it counts the lines of files. docs/workers.md tells why it does what it does.
//
// usage: worker.mjs URL ID FILE...    URL: of jobbad, such as http://localhost:8080; ID: of the status

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const TRIES = 12;
const [TRY_MS, FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [5000, 100, 5000];
const LATER = [502, 503, 504];

/** Sends a request until it is answered, always with the same key. Returns the status code and the JSON. */
async function send(method, url, body) {
  const headers = { "Idempotency-Key": randomUUID(), "Content-Type": "application/json" };
  for (let n = 0; n < TRIES; n++) {
    if (n) await sleep(Math.min(FIRST_PAUSE_MS * 2 ** (n - 1), LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2));
    try {
      const answer = await fetch(url, {
        method,
        headers,
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(TRY_MS),
      });
      const json = await answer.json();
      if (!LATER.includes(answer.status)) return [answer.status, json];
    } catch (error) {
      console.error(`${method} ${url}: ${error.message}`); // not there, cut off, or silent
    }
  }
  throw new Error(`${method} ${url}: no answer`);
}

/** The attempt of the job that this process works on. */
class Job {
  constructor(url, id) {
    this.id = id;
    this.url = `${url}/statuses/${id}`;
  }

  /** A claim: of several workers that try, one succeeds. */
  async start() {
    const [code, answer] = await send("POST", `${this.url}/started?if_state=unqueued,queued,failed`);
    if (code === 409) {
      console.log(`not mine: ${this.id} is ${answer.current.state}`);
      process.exit(2);
    }
    this.take(code, answer);
    console.log(`started ${this.id}, attempt ${answer.attempt}`);
  }

  /** A change, if this is still the attempt at work: a late report must not get into the next one. */
  async report(method, path, body) {
    this.take(...(await send(method, `${this.url}${path}?attempt=${this.status.attempt}`, body)));
  }

  take(code, answer) {
    if (code >= 300) {
      console.error(`${code}: ${answer.title}`);
      process.exit(4);
    }
    this.status = answer;
  }
}

async function main(url, id, ...files) {
  const job = new Job(url, id);
  await job.start();
  let lines = 0;
  let unreadable = 0;
  for (const [n, file] of files.entries()) {
    if (job.status.kill_requested) { // each answer tells
      await job.report("POST", "/killed");
      console.log(`killed after ${n} of ${files.length} files`);
      return 3;
    }
    const content = await readFile(file).catch(() => null);
    if (content) {
      const found = content.filter((byte) => byte === 10).length;
      lines += found;
      console.log(`${file}: ${found} lines`);
    } else {
      unreadable++;
      console.log(`${file}: can't be read`);
      await job.report("POST", "/errors", { file, message: "can't be read" });
    }
    await job.report("PUT", "/progress", { at: n + 1, out_of: files.length });
  }
  if (unreadable) {
    await job.report("POST", "/failed");
    console.log(`failed: ${unreadable} of ${files.length} files can't be read`);
    return 1;
  }
  await job.report("POST", "/succeeded", { data: { lines } });
  console.log(`done: ${lines} lines`);
  return 0;
}

process.exitCode = await main(...process.argv.slice(2));
