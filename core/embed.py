#!/usr/bin/env python3
"""Makes a C file out of files: for each, a byte array embedded_NAME and its SHA-1 as a string literal.

usage: embed.py OUTPUT.inc FILE...          NAME: the file's name, without its ending

A line `-- include OTHER` of a Lua script is replaced by that file, of the same folder; a second one by nothing.
Bytes and not a string: ISO C promises only 4,095 characters for a literal.
"""
import hashlib
import pathlib
import re
import sys


def read(path, seen):
    if path in seen:
        return b""
    seen.add(path)
    content = path.read_bytes()
    if path.suffix != ".lua":
        return content
    return re.sub(rb"^ *-- include (\S+)\n", lambda found: read(path.parent / found[1].decode(), seen), content, flags=re.M)


def embed(path):
    content = read(path, set())
    chars = ",".join(f"'\\x{byte:02x}'" for byte in content)
    return (
        f"static const char embedded_{path.stem}[] = {{ {chars} }};\n"
        f'#define EMBEDDED_{path.stem.upper()}_SHA1 "{hashlib.sha1(content).hexdigest()}"\n'
    )


output, *inputs = sys.argv[1:]
pathlib.Path(output).write_text("".join(embed(pathlib.Path(name)) for name in inputs))
