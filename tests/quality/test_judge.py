from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from toolkit.quality.judge import Answers, Evidence, Policy, Stretch, Weighing, rule, weigh
from toolkit.quality.sequential import needed

LOOKS = 30
ALPHA = 0.05


def stream(
    seed: int,
    *,
    errors: tuple[float, float] = (0.01, 0.01),
    slow: tuple[float, float] = (0.05, 0.05),
    wrong: tuple[float, float] = (0.2, 0.2),
    shift: float = 0.0,
    bias: float = 0.0,
    requests: int = 200,
    share: float = 0.1,
    looks: int = LOOKS,
) -> list[Stretch]:
    """A rollout of `looks` stretches; pairs are of champion and challenger."""
    generator = np.random.default_rng(seed)
    even = np.full(5, 0.2)
    tilted = even * (1 + shift * np.linspace(-1, 1, 5))

    def side(count: int, index: int) -> Answers:
        labelled = count // 2
        return Answers(
            requests=count,
            errors=int(generator.binomial(count, errors[index])),
            slow=int(generator.binomial(count, slow[index])),
            bins=tuple(generator.multinomial(count, tilted if index else even).tolist()),
            labelled=labelled,
            wrong=int(generator.binomial(labelled, wrong[index])),
            bias=float(generator.binomial(labelled, 0.5) - 0.5 * labelled + bias * index * labelled),
        )

    stretches = []
    for _ in range(looks):
        ours = int(generator.binomial(requests, share))
        stretches.append(Stretch(champion=side(requests - ours, 0), challenger=side(ours, 1)))
    return stretches


def first_alarm(stretches: Sequence[Stretch]) -> int | None:
    weighing = Weighing()
    for look, stretch in enumerate(stretches, 1):
        weighing.add(stretch)
        if weighing.evidence.log_e >= needed(ALPHA):
            return look
    return None


def _false_alarms(streams: int) -> int:
    return sum(first_alarm(stream(seed)) is not None for seed in range(streams))


def test_a_challenger_that_is_no_worse_stays_at_every_look() -> None:
    assert _false_alarms(500) <= 500 * ALPHA


@pytest.mark.exhaustive
@pytest.mark.timeout(3000)
def test_five_thousand_streams_of_equals() -> None:
    assert _false_alarms(5000) <= 5000 * ALPHA


@pytest.mark.parametrize(
    ("signal", "change"),
    [
        ("errors", {"errors": (0.01, 0.08)}),
        ("latency", {"slow": (0.05, 0.3)}),
        ("prediction", {"shift": 0.95, "requests": 1000}),
        ("labels", {"wrong": (0.2, 0.5)}),
        ("calibration", {"bias": 0.4}),
    ],
)
def test_each_signal_sends_a_bad_challenger_back_and_says_why(signal: str, change: dict[str, object]) -> None:
    found = [stream(seed, **change) for seed in range(20)]  # type: ignore[arg-type]
    assert sum(first_alarm(one) is not None for one in found) >= 19
    verdict = rule(weigh(found[0]), Policy(), 1.0)
    assert verdict.ruling == "back"
    assert verdict.why.startswith(f"{signal} got worse: ")


def test_a_challenger_that_dies_on_its_requests_is_missed() -> None:
    """It counts none of them: of 200 requests a minute at 10 %, 20 should have been there."""

    def minute(ours: int) -> Stretch:
        return Stretch(champion=Answers(requests=180), challenger=Answers(requests=ours), share=0.1)

    assert rule(weigh([minute(0)] * 3), Policy(), 1.0).why.startswith("silence got worse")
    assert rule(weigh([minute(15)] * 60), Policy(), 1.0).ruling == "wait"


def test_answers_that_differ_as_they_did_before_are_no_reason_and_others_are() -> None:
    """A model is trained anew because the old one no longer fits: of its top bin are twice the odds, and then some."""
    found = stream(3, shift=0.95, requests=2000)
    ratios = [(0.2 * (1 + 0.95 * t)) / (1 - 0.2 * (1 + 0.95 * t)) / (0.2 / 0.8) for t in np.linspace(-1, 1, 5)]
    assert weigh(found).signals["prediction"] >= needed(ALPHA)
    assert weigh(found, ratios).signals["prediction"] < 0
    assert weigh(found, [1 / ratio for ratio in ratios]).signals["prediction"] >= needed(ALPHA)
    assert weigh(stream(3, requests=2000), ratios).signals["prediction"] < 0, "nor to answer as the champion does"


def _evidence(log_e: float = 0.0, requests: int = 500) -> Evidence:
    return Evidence(log_e=log_e, signals={"errors": log_e, "latency": 0.0}, requests=requests, errors=0)


@pytest.mark.parametrize(
    ("found", "elapsed", "ruling", "why"),
    [
        (_evidence(), 10, "wait", "590 s are left"),
        (_evidence(requests=40), 700, "wait", "60 more requests are needed"),
        (_evidence(), 600, "advance", "no signal got worse in 500 requests"),
        (_evidence(requests=99), 86_400, "back", "only 99 of 100 requests came in time: no data is no promotion"),
        (_evidence(requests=0), 86_400, "back", "only 0 of 100"),
        (_evidence(math.log(20)), 0, "back", "errors got worse: 20 to 1 against chance"),
        (_evidence(1000.0), 86_401, "back", "over a billion to 1"),
    ],
)
def test_rulings(found: Evidence, elapsed: float, ruling: str, why: str) -> None:
    verdict = rule(found, Policy(), elapsed)
    assert verdict.ruling == ruling
    assert why in verdict.why


def test_requests_of_the_stage_decide_not_those_of_the_whole_rollout() -> None:
    assert rule(_evidence(), Policy(), 700, stage_requests=10).ruling == "wait"
