"""The processes of a benchmark: one Redis without persistence, jobbad and its peers in front of it."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{' '.join(process.args)} ended at once")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args[0]} does not listen")


def cpu_seconds(process):
    """User and system time of a process and its children so far."""
    pids = [process.pid, *map(int, pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())]
    return sum(cpu_seconds_of(pid) for pid in pids)


def cpu_seconds_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def resident_kib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


class Rig(contextlib.ExitStack):
    """Everything that is started here ends with the rig."""

    def __init__(self, on_cpu=None):
        super().__init__()
        self.prefix = [] if on_cpu is None else ["taskset", "-c", str(on_cpu)]
        self.dir = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix="jobbad-bench-")))
        self.redis_port = free_port()
        self.redis = self.start(
            ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", str(self.dir)])
        wait_for_port(self.redis_port, self.redis)

    def start(self, command, **options):
        process = subprocess.Popen([*self.prefix, *command], stdout=options.pop("stdout", subprocess.DEVNULL),
                                   stderr=subprocess.DEVNULL, **options)
        self.callback(process.wait)
        self.callback(process.kill)
        return process

    def start_jobbad(self, binary, *flags):
        process = self.start([binary, "--listen", "127.0.0.1:0", "--redis",
                              f"redis://127.0.0.1:{self.redis_port}", *flags], stdout=subprocess.PIPE, text=True)
        self.callback(process.stdout.close)
        url = process.stdout.readline().split()[-1]
        return process, url

    def start_webdis(self):
        port = free_port()
        config = self.dir / "webdis.json"
        config.write_text(json.dumps({
            "redis_host": "127.0.0.1", "redis_port": self.redis_port, "redis_auth": None, "database": 0,
            "http_host": "127.0.0.1", "http_port": port, "threads": os.cpu_count(), "pool_size": 20,
            "daemonize": False, "websockets": False, "verbosity": 0, "logfile": "/dev/null",
            "acl": [{"disabled": ["DEBUG"]}],
        }))
        process = self.start([shutil.which("webdis") or "/usr/bin/webdis", str(config)])
        wait_for_port(port, process)
        return process, f"http://127.0.0.1:{port}"


    def start_nginx(self, body):
        """Answers everything with this body, with a process for each CPU; its CPU is that of them all."""
        port = free_port()
        (self.dir / "answer.json").write_bytes(body)
        config = self.dir / "nginx.conf"
        text = body.decode().replace("\\", "\\\\").replace("'", "\\'").replace("$", "${dollar}")
        config.write_text(
            f"daemon off; worker_processes {os.cpu_count()}; pid {self.dir}/nginx.pid; error_log /dev/null;\n"
            "events { worker_connections 1024; }\n"
            "http { access_log off; keepalive_requests 1000000000; default_type application/json;\n"
            f"  client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p; fastcgi_temp_path {self.dir}/f;\n"
            f"  uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s;\n"
            "  geo $dollar { default \"$\"; }\n"
            f"  server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{text}'; }} }} }}\n")
        process = self.start([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config)])
        self.callback(process.wait)
        self.callback(process.terminate)  # a killed one would leave its workers behind
        wait_for_port(port, process)
        return process, f"http://127.0.0.1:{port}"


def request(method, url, body=None):
    """One request, for setting things up; the answer's JSON."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": "application/json"},
                                                       method=method), timeout=5) as answer:
        return json.loads(answer.read() or "null")
