"""Run by the target's interpreter, as a file: `python -I -S _compile.py ROOT < names`. Imports nothing of ours.

Compiles each named file (relative paths, one a line) and writes `__pycache__/NAME.TAG.pyc` beside it, as unchecked-hash
bytecode: read without looking at the source's date. Prints the names that do not compile.

Equal source must give equal bytes in any process. The path compiled in is the relative one (the import system puts
the real one back). And marshal marks an object as shared when its reference count is not one, which for an interned
name depends on what else the process has loaded: so a reloaded copy is dumped while the original is alive, and every
name is shared for certain.
"""

import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash

UNCHECKED_HASH = (1).to_bytes(4, "little")


def bytecode(source: bytes, name: str) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    copy = marshal.loads(marshal.dumps(code))  # noqa: S302  # our own bytes, a line ago
    return MAGIC_NUMBER + UNCHECKED_HASH + source_hash(source) + marshal.dumps(copy)


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
