from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from toolkit.adapters.local.metrics import open_metrics
from toolkit.domain.specs import MetricPoint

_WRITE = """
import sys
from toolkit.adapters.local.metrics import open_metrics
from toolkit.domain.specs import MetricPoint
metrics = open_metrics({"host": sys.argv[1]})
for n in range(300):
    metrics.record([MetricPoint(name="calls", value=n, time="2026-01-01T00:00:00Z", labels={"writer": sys.argv[2]})])
"""


def point(moment: str, value: float = 1.0) -> MetricPoint:
    return MetricPoint(name="calls", value=value, time=moment)


@pytest.mark.slow
def test_several_processes_lose_nothing(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITE, str(tmp_path), str(n)]) for n in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    found = list(open_metrics({"host": str(tmp_path)}).query("calls", since="2026-01-01"))
    assert len(found) == 900
    assert {p.labels["writer"]: p.value for p in found} == {"0": 299, "1": 299, "2": 299}


def test_torn_lines_are_passed_over(tmp_path: Path) -> None:
    metrics = open_metrics({"host": str(tmp_path)})
    metrics.record([point("2026-01-01T01:00:00Z")])
    with (tmp_path / "metrics" / "2026-01-01.jsonl").open("ab") as stream:
        stream.write(b'{"name":"calls","value":9,"ti')
    assert [p.value for p in metrics.query("calls", since="2026-01-01")] == [1]
    metrics.record([point("2026-01-01T02:00:00Z", 2.0)])
    assert [p.value for p in metrics.query("calls", since="2026-01-01")] == [1, 2]


def test_only_the_days_asked_for_are_read_one_after_the_other(tmp_path: Path) -> None:
    metrics = open_metrics({"host": str(tmp_path)})
    metrics.record([point(f"2026-01-{day:02}T12:00:00Z", day) for day in range(1, 29)])
    for unread in ("2026-01-01", "2026-01-28"):
        (tmp_path / "metrics" / f"{unread}.jsonl").unlink()
        (tmp_path / "metrics" / f"{unread}.jsonl").mkdir()  # reading it would fail
    found = metrics.query("calls", since="2026-01-02", until="2026-01-27T13:00:00Z")
    assert [p.value for p in islice(found, 2)] == [2, 3]
    assert len(list(found)) == 24


def test_measuring_never_fails(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("a file is in the way")
    open_metrics({"host": str(tmp_path)}).record([point("2026-01-01")])
