#!/usr/bin/env python3
"""Makes a C file out of Lua scripts: their bytes and SHA-1, as rows of the table in redis_script.c.

usage: embed.py OUTPUT.inc SCRIPT.lua...

Bytes and not a literal: ISO C promises only 4,095 characters for one.
"""
import hashlib
import pathlib
import sys


def row(path):
    source = path.read_bytes()
    numbers = ",".join(str(byte) for byte in source)
    array = f"static const char source_{path.stem}[] = {{ {numbers} }};\n"
    entry = (
        f'#define SCRIPT_{path.stem.upper()} {{ .name = "{path.stem}", .source = {{ source_{path.stem}, '
        f'sizeof source_{path.stem} }}, .sha1 = "{hashlib.sha1(source).hexdigest()}" }}\n'
    )
    return array + entry


def main():
    output, *scripts = sys.argv[1:]
    pathlib.Path(output).write_text("".join(row(pathlib.Path(script)) for script in scripts))


main()
