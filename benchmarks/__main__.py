"""`make bench`: every benchmark, one after the other; `--readme` writes what they found into the README.

python -m benchmarks [NAME ...] [--quick] [--json | --readme]

One that fails is told and the others go on. With names, `--readme` leaves the figures of the others as they are.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.apparatus import tables

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("__"))
LIMIT = 1200.0  # seconds of one benchmark, the making of peers' environments included
HEAD = "### "


def main(argv: list[str]) -> int:
    names = [name for name in argv if not name.startswith("-")] or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    flags = ["--quick"] if "--quick" in argv else []
    if "--json" not in argv and "--readme" not in argv:
        return max(subprocess.run(_command(name, *flags), check=False).returncode for name in names)
    load = os.getloadavg()[0]
    found = {name: _measured(name, flags) for name in names}
    if "--readme" in argv:
        _write(found, _taken(load, bool(flags)))
    else:
        print(json.dumps(found))
    return int(any("failed" in document for document in found.values()))


def _command(name: str, *flags: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{name}", *flags]


def _measured(name: str, flags: list[str]) -> dict[str, Any]:
    """What it printed, with "seconds"; with "failed" and no rows where it did not."""
    began = time.monotonic()
    print(f"{name} ...", file=sys.stderr, flush=True)
    document: dict[str, Any] = {"rows": [], "ratios": {}}
    process = subprocess.Popen(_command(name, "--json", *flags), stdout=subprocess.PIPE)
    try:
        printed, _ = process.communicate(timeout=LIMIT)
        document |= json.loads(printed)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # then it ends the servers that it started
        process.communicate()
        document["failed"] = f"not done after {LIMIT:.0f} s"
    except ValueError:
        document["failed"] = f"it ended with {process.wait()} and no document"
    return {**document, "seconds": round(time.monotonic() - began, 1)}


def _taken(load: float, quick: bool) -> str:
    """How the figures came to be, for those who read them."""
    versions = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    day = datetime.now(UTC).date().isoformat()
    busy = ", a busy machine: provisional" if load > (os.cpu_count() or 1) else ""
    noise = f"load average {load:.1f} when it began{busy}" + (", few rounds (`--quick`)" if quick else "")
    return f"taken {day} on {versions}, {noise}"


def _write(found: dict[str, Any], taken: str) -> None:
    """Each benchmark is a section under its own heading; those not measured now stay."""
    from tests.house import readme

    text = readme.README.read_text()
    sections = {
        part.partition("\n")[0].strip().strip("`"): HEAD + part.strip()
        for part in readme.section(text, "figures").split(HEAD)[1:]
    }
    sections |= {name: _section(name, document, taken) for name, document in found.items()}
    body = "\n\n".join(sections[name] for name in NAMES if name in sections)
    readme.README.write_text(readme.replaced(text, "figures", body))


def _section(name: str, document: dict[str, Any], taken: str) -> str:
    head = f"{HEAD}`{name}`\n\n`python -m benchmarks.{name}`, {document['seconds']:.0f} s, {taken}."
    if "failed" in document:
        return f"{head} It failed: {document['failed']}"
    return f"{head}\n\n{tables.markdown(tables.of(name, document))}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
