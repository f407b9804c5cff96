"""What both versions did since a rollout began, stretch by stretch of time: what the judge weighs.

Errors and latencies are the counts by interval that the functions flush; scores, labels and calibration come from the
captured predictions and the labels that came for them. A stretch (`rollout.stretch`, a minute) is judged once its
counts had time to arrive.

A request is slow when it took longer than 95 % of the champion's before the rollout: a bound that is fixed before what
it judges. Where the challenger has all the traffic, its stretches are compared with the champion's earlier ones, one
with one: the best there is then, and weaker than a comparison within the same stretch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from toolkit.domain import times
from toolkit.engine.rollouts import Standing
from toolkit.lifecycle import realised
from toolkit.lifecycle.scores import BINS
from toolkit.ports.context import Context
from toolkit.quality.judge import Answers, Stretch
from toolkit.serving.capture import Row
from toolkit.state import service
from toolkit.state.service import BOUNDS, Interval, Served

SLOW = 0.95
BEFORE = timedelta(hours=1)  # of the champion, for the bound on latency and to compare with once it has no traffic


@dataclass
class _Side:
    """Of one version in one stretch."""

    served: Interval | None = None
    bins: list[int] = field(default_factory=lambda: [0] * BINS)
    labelled: int = 0
    wrong: int = 0
    bias: float = 0.0


Sides = dict[int, dict[int, _Side]]  # version -> number of the stretch


class Stretches:
    """Of a rollout, up to now. Reads the counts once."""

    def __init__(self, ctx: Context, standing: Standing) -> None:
        assert standing.release is not None
        self._ctx, self._standing, self._endpoint = ctx, standing, standing.release.endpoint
        began = times.parse(standing.rollout.began)
        self._flushed: list[Served] = list(
            service.flushes(ctx.store, ctx.target, self._endpoint, times.text(began - BEFORE), _later(ctx.clock()))
        )
        self._seconds = service.width(self._flushed, int(times.seconds(ctx.project.rollout.stretch)) or 1)
        self._before = self._number(began - BEFORE)
        self._first = self._number(began) + 1
        lag = timedelta(seconds=times.seconds(ctx.project.rollout.lag))
        self._last = self._number(times.parse(ctx.clock()) - lag)

    def requests(self, since: str) -> int:
        """Of the challenger, from the stretch that holds `since` on: as far as they are judged, not on their way."""
        first = self._number(times.parse(since))
        counted = service.versions(self._flushed, self._seconds, first, self._last)
        return sum(one.requests for one in counted.get(self._standing.rollout.challenger, {}).values())

    def judged(self, edges: tuple[float, ...], positive: str) -> list[Stretch]:
        """Every full stretch since the rollout began whose counts had time to arrive, oldest first. `edges` cut scores
        into bins; `positive` is the class that scores are probabilities of, "" where there is none."""
        rollout = self._standing.rollout
        sides = _sides(service.versions(self._flushed, self._seconds, self._before, self._last))
        self._add_predictions(sides, edges, positive)
        champion, challenger = sides[rollout.champion], sides[rollout.challenger]
        slow = _bound(side for number, side in champion.items() if number < self._first)
        earlier = [_answers(champion[number], slow) for number in sorted(champion)]
        stretches = []
        alone = 0
        for number in range(self._first, self._last):
            theirs, ours = champion.get(number), challenger.get(number)
            split = 0.0
            if theirs is None and ours is not None and earlier:
                compared = earlier[alone % len(earlier)]
                alone += 1
            elif theirs is not None:
                compared, split = _answers(theirs, slow), self._split(number)
            else:
                continue
            stretches.append(Stretch(champion=compared, challenger=_answers(ours or _Side(), slow), share=split))
        return stretches

    def _split(self, number: int) -> float:
        """The challenger's share in that stretch, if it was the same all through this stage and each request was sent
        by itself: equal keys go one way together."""
        rollout = self._standing.rollout
        alike = number > self._number(times.parse(rollout.since)) and not self._standing.how.get("sticky")
        return rollout.share if alike else 0.0

    def _add_predictions(self, sides: Sides, edges: tuple[float, ...], positive: str) -> None:
        ctx, rollout = self._ctx, self._standing.rollout
        start, end = rollout.began, ctx.clock()
        labels = realised.labels(ctx, self._endpoint, start, end)
        for version, rows in realised.predictions(ctx, self._endpoint, start, end).items():
            if version not in (rollout.champion, rollout.challenger):
                continue
            for row in rows:
                side = sides[version].get(row.time // (1000 * self._seconds))
                if side is not None:
                    _add(side, row, labels.get(row.id), edges, positive)

    def _number(self, moment: datetime) -> int:
        return int(moment.timestamp()) // self._seconds


def _later(now: str) -> str:
    """Clocks of workers differ a little."""
    return times.text(times.parse(now) + timedelta(minutes=5))


def _sides(counted: service.Versions) -> Sides:
    sides: Sides = defaultdict(lambda: defaultdict(_Side))
    for version, intervals in counted.items():
        for number, interval in intervals.items():
            sides[version][number].served = interval
    return sides


def _add(side: _Side, row: Row, truth: str | float | None, edges: tuple[float, ...], positive: str) -> None:
    if row.score is not None:
        side.bins[sum(row.score > edge for edge in edges)] += 1
    if truth is None or not row.label:
        return
    side.labelled += 1
    side.wrong += str(truth) != row.label
    if positive and row.score is not None:
        side.bias += row.score - (str(truth) == positive)


def _answers(side: _Side, slow: int) -> Answers:
    served = side.served
    return Answers(
        requests=served.requests if served else 0,
        errors=served.errors if served else 0,
        slow=sum(served.latencies[slow:]) if served and slow else 0,
        bins=tuple(side.bins),
        labelled=side.labelled,
        wrong=side.wrong,
        bias=side.bias,
    )


def _bound(before: Iterable[_Side]) -> int:
    """The first cell that is slow; 0: nothing is known of the champion, so that no request is."""
    latencies = [0] * (len(BOUNDS) + 1)
    for side in before:
        for cell, count in enumerate(side.served.latencies if side.served else ()):
            latencies[cell] += count
    usual = service.quantile(tuple(latencies), SLOW)
    return next((cell + 1 for cell, bound in enumerate(BOUNDS) if bound >= usual > 0), 0)
