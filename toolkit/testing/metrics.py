"""What every keeper of metrics must do: take points from many writers, give them back by name, labels and time."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest

from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import MetricPoint
from toolkit.ports.metrics import Metrics
from toolkit.testing.claims import Suite, claims
from toolkit.testing.store import at_once

BEGIN = "2026-01-01T00:00:00Z"


def new_name() -> str:
    return f"probe.{uuid4().hex[:12]}"


def point(name: str, time: str, value: float = 1.0, **labels: str) -> MetricPoint:
    return MetricPoint(name=name, value=value, time=time, labels=labels)


class MetricsSuite(Suite):
    """Give the fixtures `metrics` and `second`, another handle on the same metrics.

    `settle` is called between writing and reading; a provider that shows points late waits in it.
    """

    def settle(self) -> None:
        pass

    @claims("metrics.record")
    def test_points_come_back_in_time_order(self, metrics: Metrics, second: Metrics) -> None:
        name = new_name()
        moments = [f"2026-01-{day:02}T{hour:02}:30:00.000000Z" for day in (1, 2, 3) for hour in (0, 9, 23)]
        points = [
            MetricPoint(name=name, value=index / 2, time=moment, unit="ms", labels={"endpoint": "flights"})
            for index, moment in enumerate(moments)
        ]
        shuffled = list(points)
        random.Random(1).shuffle(shuffled)
        metrics.record(shuffled[:4])
        metrics.record(shuffled[4:])
        metrics.record([])
        self.settle()
        assert list(metrics.query(name, since=BEGIN)) == list(second.query(name, since=BEGIN)) == points

    @claims("metrics.record")
    def test_since_is_included_and_until_is_not(self, metrics: Metrics) -> None:
        name = new_name()
        metrics.record([point(name, f"2026-01-0{day}T00:00:00Z", day) for day in (1, 2, 3, 4)])
        self.settle()
        found = metrics.query(name, since="2026-01-02", until="2026-01-04T00:00:00Z")
        assert [found_point.value for found_point in found] == [2, 3]
        assert [p.value for p in metrics.query(name, since="2026-01-02T00:00:01Z", until="2026-01-09")] == [3, 4]
        assert list(metrics.query(name, since="2026-01-05")) == []

    @claims("metrics.record")
    def test_names_and_labels_select(self, metrics: Metrics) -> None:
        name = new_name()
        metrics.record(
            [
                point(name, "2026-01-01T01:00:00Z", 1, endpoint="a", version="1"),
                point(name, "2026-01-01T02:00:00Z", 2, endpoint="a", version="2"),
                point(name, "2026-01-01T03:00:00Z", 3, endpoint="b", version="1"),
                point(f"{name}.other", "2026-01-01T04:00:00Z", 4, endpoint="a", version="1"),
            ]
        )
        self.settle()

        def values(**labels: str) -> list[float]:
            return [found.value for found in metrics.query(name, since=BEGIN, labels=labels)]

        assert values() == [1, 2, 3]
        assert values(endpoint="a") == [1, 2]
        assert values(endpoint="a", version="1") == [1]
        assert values(endpoint="c") == []

    @claims("metrics.record")
    def test_a_time_of_another_zone_is_the_same_moment(self, metrics: Metrics) -> None:
        name = new_name()
        metrics.record([point(name, "2026-01-02T01:00:00+02:00")])
        self.settle()
        (found,) = metrics.query(name, since="2026-01-01T23:00:00Z", until="2026-01-01T23:00:01Z")
        assert found.time == "2026-01-01T23:00:00.000000Z"

    @claims("metrics.record")
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_what_is_no_number_is_left_out_and_harms_nothing(self, metrics: Metrics, value: float) -> None:
        name = new_name()
        moments = [f"2026-01-01T0{hour}:00:00Z" for hour in (1, 2, 3)]
        metrics.record([point(name, moment, v) for moment, v in zip(moments, (1.0, value, 3.0), strict=True)])
        self.settle()
        assert [found.value for found in metrics.query(name, since=BEGIN)] == [1, 3]

    @claims("metrics.record")
    def test_many_writers_lose_nothing(self, metrics: Metrics, second: Metrics) -> None:
        name = new_name()

        def write(port: Metrics, writer: int) -> None:
            for number in range(25):
                port.record([point(name, f"2026-01-01T00:{writer:02}:{number:02}Z", number, writer=str(writer))] * 2)

        ports = (metrics, second) * 3
        results = at_once(*[lambda p=p, n=n: write(p, n) for n, p in enumerate(ports)])
        if any(isinstance(result, Unsupported) for result in results):
            raise Unsupported("no metrics")
        self.settle()
        assert len(list(metrics.query(name, since=BEGIN))) == 6 * 25 * 2
        assert len(list(metrics.query(name, since=BEGIN, labels={"writer": "3"}))) == 50
