"""How a benchmark reports: rows with units, ratios by name; a table for people, one JSON document for machines."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    title: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str) -> float:
        self.rows.append({"name": name, "value": value, "unit": unit})
        return value

    def ratio(self, name: str, value: float) -> None:
        self.ratios[name] = round(value, 2)

    def show(self, argv: Sequence[str]) -> None:
        if "--json" in argv:
            print(json.dumps({"rows": self.rows, "ratios": self.ratios}))
            return
        print(f"## {self.title}")
        width = max(len(row["name"]) for row in self.rows)
        for row in self.rows:
            print(f"{row['name']:<{width}}  {row['value']:>10.3f} {row['unit']}")
        for name, value in self.ratios.items():
            print(f"{name}: {value}x")
        print()


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
