"""What both versions did since a rollout began, minute by minute: what the judge weighs.

Errors and latencies are the minute counts that the functions flush; scores, labels and calibration come from the
captured predictions and the labels that came for them. A minute is judged once its counts had time to arrive.

A request is slow when it took longer than 95 % of the champion's before the rollout: a bound that is fixed before what
it judges. Where the challenger has all the traffic, its minutes are compared with the champion's earlier ones, one with
one: the best there is then, and weaker than a comparison within a minute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from toolkit.domain import times
from toolkit.engine.rollouts import Standing
from toolkit.lifecycle import realised
from toolkit.ports.context import Context
from toolkit.quality.judge import Answers, Stretch
from toolkit.serving.capture import Row
from toolkit.state import service
from toolkit.state.service import BOUNDS, Minute

BINS = 10
SLOW = 0.95
BEFORE = timedelta(hours=1)  # of the champion, for the bound on latency and to compare with once it has no traffic


@dataclass
class _Side:
    """Of one version in one minute."""

    served: Minute | None = None
    bins: list[int] = field(default_factory=lambda: [0] * BINS)
    labelled: int = 0
    wrong: int = 0
    bias: float = 0.0


Sides = dict[int, dict[int, _Side]]  # version -> minute


def collect(ctx: Context, standing: Standing, edges: tuple[float, ...], positive: str) -> list[Stretch]:
    """Every full minute since the rollout began whose counts had time to arrive, oldest first. `edges` cut scores into
    bins; `positive` is the class that scores are probabilities of, "" where there is none."""
    rollout, endpoint = standing.rollout, _endpoint(standing)
    began = times.parse(rollout.began)
    start, first = times.text(began - BEFORE), _minute(began) + 1
    last = _minute(times.parse(ctx.clock()) - timedelta(seconds=times.seconds(ctx.project.rollout.lag)))
    counted = service.between(ctx.store, ctx.target, endpoint, start, _minute(began - BEFORE), last)
    sides = _sides(counted)
    _add_predictions(ctx, standing, sides, edges, positive)
    champion, challenger = sides[rollout.champion], sides[rollout.challenger]
    slow = _bound(side for minute, side in champion.items() if minute < first)
    earlier = [_answers(champion[minute], slow) for minute in sorted(champion)]
    stretches = []
    alone = 0
    for minute in range(first, last):
        theirs, ours = champion.get(minute), challenger.get(minute)
        split = 0.0
        if theirs is None and ours is not None and earlier:
            compared = earlier[alone % len(earlier)]
            alone += 1
        elif theirs is not None:
            compared, split = _answers(theirs, slow), _split(standing, minute)
        else:
            continue
        stretches.append(Stretch(champion=compared, challenger=_answers(ours or _Side(), slow), share=split))
    return stretches


def _split(standing: Standing, minute: int) -> float:
    """The challenger's share in that minute, if it was the same all through this stage."""
    rollout = standing.rollout
    return rollout.share if minute > _minute(times.parse(rollout.since)) else 0.0


def requests_since(ctx: Context, standing: Standing, since: str) -> int:
    """Of the challenger, in full minutes from `since` on."""
    first = _minute(times.parse(since))
    counted = service.between(ctx.store, ctx.target, _endpoint(standing), since, first, 1 << 62)
    return sum(minute.requests for minute in counted.get(standing.rollout.challenger, {}).values())


def _endpoint(standing: Standing) -> str:
    assert standing.release is not None
    return standing.release.endpoint


def _sides(counted: dict[int, dict[int, Minute]]) -> Sides:
    sides: Sides = defaultdict(lambda: defaultdict(_Side))
    for version, minutes in counted.items():
        for number, minute in minutes.items():
            sides[version][number].served = minute
    return sides


def _add_predictions(ctx: Context, standing: Standing, sides: Sides, edges: tuple[float, ...], positive: str) -> None:
    rollout = standing.rollout
    start, end = rollout.began, ctx.clock()
    labels = realised.labels(ctx, _endpoint(standing), start, end)
    for version, rows in realised.predictions(ctx, _endpoint(standing), start, end).items():
        if version not in (rollout.champion, rollout.challenger):
            continue
        for row in rows:
            minute = sides[version].get(row.time // 60_000)
            if minute is not None:
                _add(minute, row, labels.get(row.id), edges, positive)


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


def _minute(moment: datetime) -> int:
    return int(moment.timestamp() // 60)
