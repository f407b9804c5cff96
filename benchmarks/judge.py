"""The judge of a rollout, looked at after every minute: how often it sends a good challenger back, how soon a bad one.

Beside it, on the same streams, what people do: one-sided z-tests that share 5 % on the same counts (errors, slow
answers, wrong labels) of everything so far, looked at once at the end (the fixed horizon they were made for) and after
every minute (peeking). 200 requests a minute, 10 % to the challenger, 30 minutes; labels for half of them. "Sent back"
of a good challenger is a false rollback, of a bad one it is the test's power.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.apparatus.report import Report, options
from toolkit.quality.judge import Answers, Stretch, Weighing
from toolkit.quality.sequential import Share, needed

LOOKS, REQUESTS, SHARE, ALPHA = 30, 200, 0.1, 0.05
INJECTED = 300  # streams of each regression
QUANTILE = 2.1280  # of the normal distribution: a third of 5 % on one side
_COUNTS: dict[str, Callable[[Answers], Share]] = {
    "errors": lambda a: Share(a.errors, a.requests),
    "latency": lambda a: Share(a.slow, a.requests),
    "labels": lambda a: Share(a.wrong, a.labelled),
}


class Rates(NamedTuple):
    """Of one side: requests that fail, that are slow, labels that are wrong; how far the scores are moved."""

    errors: float = 0.01
    slow: float = 0.05
    wrong: float = 0.2
    shift: float = 0.0


REGRESSIONS = {
    "1 % of requests fail -> 10 %": Rates(errors=0.1),
    "5 % are slow -> 15 %": Rates(slow=0.15),
    "20 % of labels are wrong -> 40 %": Rates(wrong=0.4),
    "scores move by their spread": Rates(shift=1.0),
    "1 % of requests fail -> 3 %": Rates(errors=0.03),
}


def stream(seed: int, challenger: Rates) -> list[Stretch]:
    draw = np.random.default_rng(seed)

    def side(requests: int, rates: Rates) -> Answers:
        scores = draw.normal(rates.shift, 1.0, requests)
        bins = np.bincount(np.searchsorted(_EDGES, scores), minlength=len(_EDGES) + 1)
        labelled = requests // 2
        return Answers(
            requests=requests,
            errors=int(draw.binomial(requests, rates.errors)),
            slow=int(draw.binomial(requests, rates.slow)),
            bins=tuple(bins.tolist()),
            labelled=labelled,
            wrong=int(draw.binomial(labelled, rates.wrong)),
        )

    found = []
    for _ in range(LOOKS):
        ours = int(draw.binomial(REQUESTS, SHARE))
        found.append(Stretch(champion=side(REQUESTS - ours, Rates()), challenger=side(ours, challenger), share=SHARE))
    return found


_EDGES = np.array([-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816])  # deciles


def by_judge(stretches: Sequence[Stretch]) -> int | None:
    """The minute in which it goes back, None for never."""
    weighing = Weighing()
    for minute, stretch in enumerate(stretches, 1):
        weighing.add(stretch)
        if weighing.evidence.log_e >= needed(ALPHA):
            return minute
    return None


def by_z_test(stretches: Sequence[Stretch]) -> list[bool]:
    """Whether any of the three tests refuses, minute by minute."""
    totals = {name: [0, 0, 0, 0] for name in _COUNTS}
    refused = []
    for stretch in stretches:
        for name, share in _COUNTS.items():
            for at, side in ((0, share(stretch.champion)), (2, share(stretch.challenger))):
                totals[name][at] += side.bad
                totals[name][at + 1] += side.of
        refused.append(any(_worse(*total) for total in totals.values()))
    return refused


def _worse(bad: int, of: int, ours_bad: int, ours: int) -> bool:
    if not of or not ours:
        return False
    pooled = (bad + ours_bad) / (of + ours)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / ours))
    return spread > 0 and (ours_bad / ours - bad / of) / spread > QUANTILE


class Found(NamedTuple):
    """Of the streams: sent back by the judge, and in which minute (median); by the z-tests at the end, and ever."""

    judge: float
    minute: float
    horizon: float
    peeking: float


def found(rates: Rates, streams: int, first: int) -> Found:
    minutes: list[int] = []
    fixed = peeked = 0
    for seed in range(first, first + streams):
        stretches = stream(seed, rates)
        minute = by_judge(stretches)
        minutes += [] if minute is None else [minute]
        naive = by_z_test(stretches)
        fixed += naive[-1]
        peeked += any(naive)
    median = float(np.median(minutes)) if minutes else math.nan
    return Found(len(minutes) / streams, median, fixed / streams, peeked / streams)


def main(argv: list[str] | None = None) -> None:
    asked = options(__doc__, argv, streams=5000)
    streams = 100 if asked.quick else asked.streams
    report = Report("judge", f"The judge of a rollout, {LOOKS} looks, alpha {ALPHA:.0%}, {streams:,} good streams")
    good = found(Rates(), streams, 0)
    _show(report, f"a good challenger ({streams:,} streams)", good)
    for number, (name, rates) in enumerate(REGRESSIONS.items(), 1):
        _show(report, name, found(rates, min(INJECTED, streams), number * 100_000))
    report.ratio("false_rollbacks_over_alpha", good.judge / ALPHA)
    report.ratio("false_rollbacks_by_peeking_over_alpha", good.peeking / ALPHA)
    report.ratio("false_rollbacks_by_fixed_horizon_over_alpha", good.horizon / ALPHA)
    report.show(asked)


def _show(report: Report, name: str, one: Found) -> None:
    report.add(f"{name}: sent back by the judge", one.judge, "of streams")
    report.add(f"{name}: median time to it", one.minute, "min")
    report.add(f"{name}: by z-tests at the end", one.horizon, "of streams")
    report.add(f"{name}: by z-tests after every minute", one.peeking, "of streams")


if __name__ == "__main__":
    main()
