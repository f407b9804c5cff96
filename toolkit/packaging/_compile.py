"""Run by the target's interpreter, as a file: `python -P -s -S _compile.py ROOT < names`. Imports nothing of ours.

Compiles each named file (relative paths, one a line) and writes `__pycache__/NAME.TAG.pyc` beside it, as unchecked-hash
bytecode: read without looking at the source's date. Prints the names that do not compile.

Equal source must give equal bytes. The path compiled in is the relative one (the import system puts the real one
back). Marshal's output depends a little on what the process did before (which one-character strings are interned, how
a set's items collide): so the caller fixes the environment, the hash seed, the share of files and their order.
"""

import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash

UNCHECKED_HASH = (1).to_bytes(4, "little")
CHARACTERS = [sys.intern(chr(code)) for code in range(256)]


def bytecode(source: bytes, name: str) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    return MAGIC_NUMBER + UNCHECKED_HASH + source_hash(source) + marshal.dumps(code)


def main(root: str, names: list[str]) -> None:
    for name in names:
        path = os.path.join(root, name)  # noqa: PTH118  # no pathlib: its import costs more than most files here
        with open(path, "rb") as stream:  # noqa: PTH123
            source = stream.read()
        try:
            data = bytecode(source, name)
        except (SyntaxError, ValueError):
            print(name)  # noqa: T201  # the answer to the process that asked
            continue
        target = cache_from_source(path, optimization="")
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        with open(target, "wb") as out:  # noqa: PTH123
            out.write(data)


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.read().splitlines())
