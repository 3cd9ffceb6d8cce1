#!/usr/bin/env python3
"""Makes a C file out of files: for each, a byte array embedded_NAME and its SHA-1 as a string literal.

usage: embed.py OUTPUT.inc FILE...          NAME: the file's name, without its ending

Bytes and not a string: ISO C promises only 4,095 characters for a literal.
"""
import hashlib
import pathlib
import sys


def embed(path):
    content = path.read_bytes()
    chars = ",".join(f"'\\x{byte:02x}'" for byte in content)
    return (
        f"static const char embedded_{path.stem}[] = {{ {chars} }};\n"
        f'#define EMBEDDED_{path.stem.upper()}_SHA1 "{hashlib.sha1(content).hexdigest()}"\n'
    )


output, *inputs = sys.argv[1:]
pathlib.Path(output).write_text("".join(embed(pathlib.Path(name)) for name in inputs))
