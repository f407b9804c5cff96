"""`make bench`: every benchmark, one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def main(argv: list[str]) -> int:
    own = {"__init__", "__main__", "report"}
    names = argv or sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in own)
    names = [name for name in names if not name.startswith("-")]
    if "--json" not in argv:
        return max(
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode for name in names
        )
    found = {}
    for name in names:
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", "--json"], check=True, capture_output=True)
        found[name] = json.loads(done.stdout)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
