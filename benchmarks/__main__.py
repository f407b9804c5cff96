"""`make bench`: every benchmark, one after the other; `--readme` writes what they found into the README.

python -m benchmarks [NAME ...] [--json | --readme]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OWN = {"__init__", "__main__", "report"}
SHOWN = 12  # rows of one benchmark that the README takes


def main(argv: list[str]) -> int:
    names = [name for name in argv if not name.startswith("-")]
    names = names or sorted(p.stem for p in HERE.glob("*.py") if p.stem not in OWN)
    if "--json" not in argv and "--readme" not in argv:
        return max(subprocess.run(_command(name), check=False).returncode for name in names)
    found = {name: json.loads(_output(name)) for name in names}
    if "--readme" in argv:
        _write(found)
    else:
        print(json.dumps(found))
    return 0


def _command(name: str, *flags: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{name}", *flags]


def _output(name: str) -> bytes:
    return subprocess.run(_command(name, "--json"), check=True, stdout=subprocess.PIPE).stdout


def _write(found: dict[str, Any]) -> None:
    from tests.house import readme

    body = "\n\n".join(_table(name, document) for name, document in found.items())
    readme.README.write_text(readme.replaced(readme.README.read_text(), "figures", body))


def _table(name: str, document: dict[str, Any]) -> str:
    lines = [f"`python -m benchmarks.{name}`", "", "| | |", "|---|---|"]
    lines += [f"| {row['name']} | {row['value']:.4g} {row['unit']} |" for row in document["rows"][:SHOWN]]
    lines += [f"| **{key}** | **{value:.3g}x** |" for key, value in document["ratios"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
