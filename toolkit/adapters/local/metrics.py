"""Points as JSON lines, one file a day (UTC, of the point's own time) under `host`/metrics.

Several processes append at once; a line torn by a crash is passed over. A query reads one day after the other, and
sorts within the day, so it holds at most the matching points of a day.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from toolkit.domain import times
from toolkit.domain.specs import MetricPoint
from toolkit.execution import files
from toolkit.ports import Settings


def open_metrics(settings: Settings) -> LocalMetrics:
    return LocalMetrics(Path(settings["host"]) / "metrics")


class LocalMetrics:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def record(self, points: Sequence[MetricPoint]) -> None:
        days: dict[str, list[bytes]] = defaultdict(list)
        for point in points:
            if math.isfinite(point.value):
                moment = times.text(times.parse(point.time))
                days[moment[:10]].append(msgspec.json.encode(msgspec.structs.replace(point, time=moment)))
        for day, lines in days.items():
            # Best effort, by contract: a full disk must not fail what is being measured.
            with suppress(OSError):
                files.append(self._folder / f"{day}.jsonl", b"\n".join(lines) + b"\n")

    def query(
        self, name: str, *, since: str, until: str = "", labels: dict[str, str] | None = None
    ) -> Iterator[MetricPoint]:
        first = times.text(times.parse(since))
        last = times.text(times.parse(until)) if until else "9"
        wanted = (labels or {}).items()
        with files.translated("read metrics"):
            for path in sorted(self._folder.glob("*.jsonl")):
                if first[:10] <= path.stem <= last[:10]:
                    found = [
                        point
                        for point in _points(path)
                        if point.name == name and first <= point.time < last and wanted <= point.labels.items()
                    ]
                    yield from sorted(found, key=lambda point: point.time)


def _points(path: Path) -> Iterator[MetricPoint]:
    decoder = msgspec.json.Decoder(MetricPoint)
    with path.open("rb") as stream:
        for line in stream:
            with suppress(msgspec.MsgspecError):
                yield decoder.decode(line)
