"""Counters and one latency histogram of this process, as Prometheus text. No library: adding is two dict updates.

Routes are those of the router, with every other path as `other`, so that nobody can grow the table by asking.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

TYPE = b"text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Measures:
    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.problems: Counter[str] = Counter()
        self.rows = 0
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()  # a float per route; Counter only for its default

    def observe(self, route: str, status: int, seconds: float) -> None:
        self.requests[route, status] += 1
        buckets = self._buckets.get(route)
        if buckets is None:
            buckets = self._buckets[route] = [0] * (len(BUCKETS) + 1)
        buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[route] += seconds  # type: ignore[assignment]

    def text(self, labels: Mapping[str, str], more: Mapping[str, int]) -> bytes:
        """Exposition format. `labels` describe the model; `more` holds further counters by name (capture's)."""
        lines = ["# TYPE toolkit_model_info gauge", f"toolkit_model_info{_labels(labels)} 1"]
        lines.append("# TYPE toolkit_requests_total counter")
        for (route, status), count in sorted(self.requests.items()):
            lines.append(f"toolkit_requests_total{_labels({'route': route, 'status': str(status)})} {count}")
        lines.append("# TYPE toolkit_problems_total counter")
        for kind, count in sorted(self.problems.items()):
            lines.append(f"toolkit_problems_total{_labels({'kind': kind})} {count}")
        lines += ["# TYPE toolkit_rows_total counter", f"toolkit_rows_total {self.rows}"]
        for name, count in more.items():
            lines += [f"# TYPE toolkit_{name} counter", f"toolkit_{name} {count}"]
        lines.append("# TYPE toolkit_request_seconds histogram")
        for route, buckets in sorted(self._buckets.items()):
            lines += self._histogram(route, buckets)
        return ("\n".join(lines) + "\n").encode()

    def _histogram(self, route: str, buckets: list[int]) -> list[str]:
        lines, total = [], 0
        for bound, count in zip((*BUCKETS, "+Inf"), buckets, strict=True):
            total += count
            lines.append(f"toolkit_request_seconds_bucket{_labels({'route': route, 'le': str(bound)})} {total}")
        label = _labels({"route": route})
        lines.append(f"toolkit_request_seconds_sum{label} {self._seconds[route]:.6f}")
        lines.append(f"toolkit_request_seconds_count{label} {total}")
        return lines


def _labels(labels: Mapping[str, str]) -> str:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"
