"""A plain Redis client: what the benchmarks need to load data, ask for statistics, and play the gem's part."""
import socket


def encode(*args):
    """A command in RESP."""
    parts = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Redis:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return rest

    def command(self, *args):
        self.socket.sendall(encode(*args))
        return self.reply()

    def pipeline(self, commands):
        """Encoded commands in one go; their replies."""
        self.socket.sendall(b"".join(commands))
        return [self.reply() for _ in commands]

    def info(self, section):
        """The section's lines as a dictionary of strings."""
        lines = self.command("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def script_microseconds(self):
        """Time that Redis has spent in scripts."""
        stats = self.info("commandstats").get("cmdstat_evalsha", "usec=0")
        return int(stats.split("usec=")[1].split(",")[0])
