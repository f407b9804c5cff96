"""May the challenger go on? Every signal is a sequential test; together they are one number that may be watched.

    errors        requests that failed
    silence       requests that the challenger should have had a share of and never counted: it died on them
    latency       requests slower than what the champion's slowest share took
    prediction    scores, bin by bin, both ways: the same traffic should get about the same answers, or those that
                  differ as they did where both were measured before (`expected`)
    labels        predictions that turned out wrong, of those whose label came
    calibration   probabilities against what happened, of those whose label came

`Evidence.log_e` is the log of the weighted mean of their e-values: by Ville's inequality the chance that it ever passes
1/alpha while the challenger is no worse is at most alpha, whichever signals there are and however they hang together.
What is no worse is bounded by a tolerance each (an odds ratio): a retrained model answers differently,
and one in a thousand is no reason to go back.

Absence of evidence never promotes: that takes enough requests within the time as well, else it is back to the champion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from toolkit.quality.sequential import Share, Test, mean, needed

Ruling = Literal["wait", "advance", "back"]

WEIGHTS = {"errors": 3, "silence": 2, "latency": 2, "prediction": 2, "labels": 2, "calibration": 1}
TOLERANCE = {"errors": 1.2, "latency": 1.5, "prediction": 2.0, "labels": 1.2}
CALIBRATION_TOLERANCE = 0.1
HEARD = 0.7  # of the challenger's requests: counts of the last minute of a worker may be on their way
_HEARD = (0.6, 0.25, 0.05)  # alternatives, as parts of that
_BETS = (0.05, 0.15, 0.4, 1.0, 2.5)


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What one side did in one stretch of time. `slow` is counted against the same bound on both sides; `bins` are
    counts of scores; `bias` is the sum of (probability - outcome) over the `labelled` rows that have one."""

    requests: int = 0
    errors: int = 0
    slow: int = 0
    bins: tuple[int, ...] = ()
    labelled: int = 0
    wrong: int = 0
    bias: float = 0.0


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides in the same stretch of time, cut by the clock."""

    champion: Answers
    challenger: Answers
    share: float = 0.0  # of the requests that the challenger was sent, where each was sent at random; 0: not known


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """`alpha`: how often a challenger that is no worse may be sent back, over the whole rollout. `seconds`: how long a
    stage lasts; `timeout`: how long it may wait for `requests` of the challenger before it is back to the champion."""

    alpha: float = 0.05
    seconds: float = 600.0
    timeout: float = 86_400.0
    requests: int = 100


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """`log_e` is of all signals; `signals` are the logs of each. `requests`, `errors`: of the challenger."""

    log_e: float
    signals: dict[str, float]
    requests: int
    errors: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    ruling: Ruling
    why: str
    evidence: Evidence


class Weighing:
    """Adds up what stretches say that the challenger is worse; stretches in the order of time. `expected`: the odds
    ratio of each bin of scores that is no worse either, as 1.0 (the champion's) is and all that lies between."""

    def __init__(self, expected: Sequence[float] = ()) -> None:
        self._expected = expected
        self._more = {name: Test(TOLERANCE[name]) for name in ("errors", "latency", "labels")}
        self._bins: list[tuple[Test, Test]] = []
        self._labelled, self._bias = 0, 0.0
        self._silence = [0.0] * len(_HEARD)
        self._requests = self._errors = 0

    def add(self, stretch: Stretch) -> None:
        champion, challenger = stretch.champion, stretch.challenger
        for name, share in _SHARES.items():
            self._more[name].add(share(champion), share(challenger))
        self._compare(champion.bins, challenger.bins)
        self._listen(stretch)
        self._labelled += challenger.labelled
        self._bias += challenger.bias
        self._requests += challenger.requests
        self._errors += challenger.errors

    def _compare(self, champion: Sequence[int], challenger: Sequence[int]) -> None:
        """Every bin against the rest, more and less."""
        while len(self._bins) < len(champion):
            odds = self._expected[len(self._bins)] if len(self._bins) < len(self._expected) else 1.0
            more, less = (TOLERANCE["prediction"] * max(1.0, ratio) for ratio in (odds, 1 / odds))
            self._bins.append((Test(more), Test(less, falls=True)))
        ours, theirs = sum(challenger), sum(champion)
        for tests, a, b in zip(self._bins, champion, challenger, strict=False):
            for test in tests:
                test.add(Share(a, theirs), Share(b, ours))

    def _listen(self, stretch: Stretch) -> None:
        """Of all requests the challenger's are binomial with its share; against "at least HEARD of that"."""
        if not 0 < stretch.share < 1:
            return
        ours, theirs, null = stretch.challenger.requests, stretch.champion.requests, stretch.share * HEARD
        for index, part in enumerate(_HEARD):
            less = null * part
            self._silence[index] += ours * math.log(part) + theirs * math.log((1 - less) / (1 - null))

    @property
    def evidence(self) -> Evidence:
        logs = {name: test.log_e for name, test in self._more.items()}
        logs["silence"] = mean(self._silence)
        logs["prediction"] = mean([test.log_e for pair in self._bins for test in pair])
        logs["calibration"] = _biased(self._labelled, self._bias)
        weighted = [value for name, value in logs.items() for _ in range(WEIGHTS[name])]
        return Evidence(log_e=mean(weighted), signals=logs, requests=self._requests, errors=self._errors)


def weigh(stretches: Iterable[Stretch], expected: Sequence[float] = ()) -> Evidence:
    weighing = Weighing(expected)
    for stretch in stretches:
        weighing.add(stretch)
    return weighing.evidence


def rule(found: Evidence, policy: Policy, elapsed: float, *, stage_requests: int | None = None) -> Verdict:
    """`found` is of the whole rollout so far; `elapsed` seconds of this stage, `stage_requests` the challenger's in it
    (default: all). Pure: the same again says the same."""
    enough = found.requests if stage_requests is None else stage_requests
    if found.log_e >= needed(policy.alpha):
        worst = max(found.signals, key=lambda name: found.signals[name])
        return Verdict(ruling="back", why=f"{worst} got worse: {_odds(found.signals[worst])}", evidence=found)
    if elapsed >= policy.seconds and enough >= policy.requests:
        return Verdict(ruling="advance", why=f"no signal got worse in {enough:,} requests", evidence=found)
    if elapsed >= policy.timeout:
        why = f"only {enough:,} of {policy.requests:,} requests came in time: no data is no promotion"
        return Verdict(ruling="back", why=why, evidence=found)
    missing = max(0, policy.requests - enough)
    why = f"{missing:,} more requests are needed" if missing else f"{policy.seconds - elapsed:,.0f} s are left"
    return Verdict(ruling="wait", why=why, evidence=found)


def _odds(log_e: float) -> str:
    return f"{math.exp(log_e):,.0f} to 1 against chance" if log_e < math.log(1e9) else "over a billion to 1"


_SHARES: dict[str, Callable[[Answers], Share]] = {
    "errors": lambda a: Share(a.errors, a.requests),
    "latency": lambda a: Share(a.slow, a.requests),
    "labels": lambda a: Share(a.wrong, a.labelled),
}


def _biased(rows: int, bias: float) -> float:
    """Hoeffding's bound as a bet (Waudby-Smith and Ramdas 2024): probability - outcome lies in an interval of width 1,
    so exp(b (sum - n t) - n b^2 / 8) has an expectation of at most 1 while the mean bias is at most t."""
    logs = [
        bet * (sign * bias - rows * CALIBRATION_TOLERANCE) - rows * bet * bet / 8 for sign in (1, -1) for bet in _BETS
    ]
    return mean(logs)
