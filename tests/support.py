"""What tests share: a shell for the command line in this process, and a small real-looking data set."""

from __future__ import annotations

import contextlib
import io
import json
import platform
import random
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = "python" + ".".join(platform.python_version_tuple()[:2])  # the runtime of functions that run here


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The `data` of a `--json` document."""
        return json.loads(self.out.splitlines()[-1])["data"]


class Shell:
    """Runs `toolkit ...` in this process, with standard input closed to questions."""

    def run(self, line: str, folder: Path, stdin: str = "") -> Done:
        from toolkit.cli import main

        out, err = io.StringIO(), io.StringIO()
        before, sys.stdin = sys.stdin, io.StringIO(stdin)
        try:
            with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main(shlex.split(line))
        except SystemExit as ended:
            return Done(int(ended.code or 0), out.getvalue(), err.getvalue())
        finally:
            sys.stdin = before
        raise AssertionError("the command line did not exit")

    def ok(self, line: str, folder: Path, stdin: str = "") -> Done:
        done = self.run(line, folder, stdin)
        assert done.code == 0, f"toolkit {line}: exit {done.code}\n{done.err}\n{done.out}"
        return done


def until(done: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for what another thread or process brings about. The bound is wide: it only ends a test that has failed."""
    deadline = time.monotonic() + seconds
    while not (found := done()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found, f"not within {seconds:g} s"


def small_csv(*, without: str = "", hole: str = "", text: str = "", rows: int = 400) -> str:
    """A churn table: numbers, categories, dates, missing values; `hole` and `text` damage one column."""
    draw = random.Random(5)
    columns = ["months", "plan", "spend", "joined", "city", "churned"]
    kept = [c for c in columns if c != without]
    lines = [",".join(kept)]
    for i in range(rows):
        months, plan = draw.randint(1, 60), draw.choice(["free", "basic", "pro"])
        spend = "" if draw.random() < 0.05 else f"{draw.lognormvariate(3, 1):.2f}"
        chance = 0.7 if plan == "free" and months < 24 else 0.15
        row = {
            "months": "many" if text == "months" and i % 5 == 0 else str(months),
            "plan": plan,
            "spend": spend,
            "joined": f"20{18 + i % 6}-{1 + i % 12:02d}-{1 + i % 28:02d}",
            "city": draw.choice(["Paris", "Lyon", "Nice", "Lille"]),
            "churned": "yes" if draw.random() < chance else "no",
        }
        if hole and i % 10 == 3:
            row[hole] = ""
        lines.append(",".join(row[c] for c in kept))
    return "\n".join(lines) + "\n"
