"""What a gate lets through, and that a refusal names gate, value and threshold."""

from __future__ import annotations

import math

import pytest

from toolkit.domain.config import Gate
from toolkit.domain.errors import GateFailed
from toolkit.quality.gates import HIGHER_IS_BETTER, check, higher_is_better, require

METRICS = {"accuracy": 0.8, "log_loss": 0.5}


@pytest.mark.parametrize(
    ("gate", "champion", "passed"),
    [
        (Gate(metric="accuracy", min=0.8), None, True),
        (Gate(metric="accuracy", min=0.81), None, False),
        (Gate(metric="log_loss", max=0.5), None, True),
        (Gate(metric="log_loss", max=0.49), None, False),
        (Gate(metric="accuracy", max_drop=0.0), None, True),
        (Gate(metric="accuracy", max_drop=0.0), {"accuracy": 0.8}, True),
        (Gate(metric="accuracy", max_drop=0.01), {"accuracy": 0.82}, False),
        (Gate(metric="accuracy", max_drop=0.01), {"accuracy": 0.7}, True),
        (Gate(metric="log_loss", max_drop=0.05), {"log_loss": 0.44}, False),
        (Gate(metric="log_loss", max_drop=0.05), {"log_loss": 0.9}, True),
        (Gate(metric="accuracy", max_drop=0.1), {"log_loss": 0.9}, False),
        (Gate(metric="accuracy", max_drop=0.1), {"accuracy": math.nan}, False),
        (Gate(metric="roc_auc", min=0.1), None, False),
    ],
)
def test_one_gate(gate: Gate, champion: dict[str, float] | None, passed: bool) -> None:
    (found,) = check([gate], METRICS, champion)
    assert found.passed is passed
    assert found.metric == gate.metric


def test_a_refusal_names_every_failed_bound() -> None:
    gates = [
        Gate(metric="accuracy", min=0.9, max_drop=0.01),
        Gate(metric="log_loss", max=0.6),
        Gate(metric="roc_auc", min=0.7),
    ]
    with pytest.raises(GateFailed) as caught:
        require(gates, METRICS, {"accuracy": 0.85})
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        "gate accuracy min 0.9: measured 0.8; "
        "gate accuracy max_drop 0.01: 0.8 against the champion's 0.85, a drop of 0.05; "
        "gate roc_auc min 0.7: the model has no roc_auc; it has accuracy, log_loss"
    )
    assert [result.passed for result in check(gates, METRICS, {"accuracy": 0.85})] == [False, False, True, False]


def test_passed_gates_are_returned_for_the_record() -> None:
    (found,) = require([Gate(metric="accuracy", min=0.5)], METRICS)
    assert (found.gate, found.value, found.threshold) == ("min", 0.8, 0.5)
    assert require([], {}) == []


def test_not_a_number_is_refused() -> None:
    with pytest.raises(GateFailed, match="the model has no accuracy"):
        require([Gate(metric="accuracy", min=0.0)], {"accuracy": math.nan})


def test_directions() -> None:
    assert HIGHER_IS_BETTER["accuracy"]
    assert not HIGHER_IS_BETTER["rmse"]
    assert not higher_is_better("test_hinge_loss")
    assert higher_is_better("profit")
