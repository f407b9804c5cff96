"""How a benchmark reports: rows with units, ratios by name; tables for people, one JSON document for machines."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.apparatus import tables


def options(story: str | None, argv: Sequence[str] | None = None, **numbers: int) -> argparse.Namespace:
    """What every benchmark takes, `--json` and `--quick`; and whole numbers of its own with their defaults."""
    parser = argparse.ArgumentParser(description=story, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one document: rows and ratios")
    parser.add_argument(
        "--quick", action="store_true", help="few rounds and small data: whether it works, not how fast"
    )
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"(default {default:,})")
    return parser.parse_args(argv)


@dataclass
class Report:
    """A row is named `subject: measure` where several subjects are measured alike: people see these as one table."""

    benchmark: str
    title: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str) -> float:
        self.rows.append({"name": name, "value": value if math.isfinite(value) else None, "unit": unit})
        return value

    def ratio(self, name: str, value: float) -> None:
        if math.isfinite(value):
            self.ratios[name] = round(value, 2) if value < 1000 else round(value)

    def missing(self, name: str, why: object) -> None:
        """A row without a value: what could not be measured here, and why."""
        text = " ".join(str(why).split())
        self.rows.append({"name": f"{name} ({text[-300:]})", "value": None, "unit": "not measured"})

    def show(self, asked: argparse.Namespace) -> None:
        document = {"rows": self.rows, "ratios": self.ratios}
        if asked.json:
            print(json.dumps(document))
        else:
            print(f"## {self.title}\n\n{tables.plain(tables.of(self.benchmark, document))}\n")


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def interleaved(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, run in turn, one warm-up round not counted."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            seconds = timed(work)
            if number:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def python(*arguments: str) -> Callable[[], object]:
    """A whole interpreter, from start to end."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
