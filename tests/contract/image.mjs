// What can be told of the container without an engine: the image has each library that the program needs, and Redis
// takes docker/redis.conf.
//
// usage: image.mjs JOBBAD ROOT_OF_THE_SOURCES

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, finish } from "./tap.mjs";

const [jobbad, root] = process.argv.slice(2);
const run = (program, ...args) => execFileSync(program, args, { encoding: "utf8" });

const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8").replaceAll("\\\n", " ");
const runtime = dockerfile.split(/^FROM /m).at(-1);
const installed = new Set(runtime.match(/apt-get install ([^&]*)/)[1].split(/\s+/));

const BASE = /^lib(c|asan|ubsan|tsan|gcc-s|clang-rt)/; // of every Debian, or of a sanitizer's build

/** The Debian package of a library, by the paths that it may be known under. */
function packageOf(path) {
  for (const known of [path, path.replace(/^\/lib/, "/usr/lib"), path.replace(/^\/usr\/lib/, "/lib")]) {
    try {
      return execFileSync("dpkg", ["-S", known], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split(":")[0];
    } catch {
      continue;
    }
  }
  return `nothing (${path})`;
}

const needed = [...run("readelf", "-d", jobbad).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
const paths = new Map([...run("ldd", jobbad).matchAll(/^\s*(\S+) => (\S+)/gm)].map(([, name, path]) => [name, path]));
const missing = needed
  .filter((name) => paths.has(name))
  .map((name) => packageOf(paths.get(name)))
  .filter((name) => !BASE.test(name) && !installed.has(name));
expect("the program needs libraries", needed.length ? [] : ["none"]);
expect("the image installs the package of each library", missing);

const dir = mkdtempSync(join(tmpdir(), "jobbad-image-"));
const socket = join(dir, "r");
const redis = spawn(
  "redis-server",
  [join(root, "docker/redis.conf"), "--port", "0", "--unixsocket", socket, "--dir", dir],
  { stdio: "ignore" },
);
const ended = new Promise((resolve) => redis.on("exit", resolve));
let answer = "";
for (let i = 0; i < 400 && !answer.startsWith("PONG") && redis.exitCode === null; i++) {
  try {
    answer = execFileSync("redis-cli", ["-s", socket, "PING"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
expect("Redis starts with docker/redis.conf", answer.startsWith("PONG") ? [] : [`it answers: ${answer}`]);
redis.kill("SIGTERM");
await ended;
rmSync(dir, { recursive: true, force: true });
finish();
