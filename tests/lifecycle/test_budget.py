"""A budget refuses before anything ships, says what costs what, and costs nothing where none is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain.config import BudgetConfig, ServeConfig
from toolkit.domain.errors import GateFailed, PlanError
from toolkit.lifecycle import budget
from toolkit.packaging import measure
from toolkit.packaging.budget import Row
from toolkit.packaging.measure import Measured

FOUND = Measured(
    cpu=0.3, floor_cpu=0.1, wall=0.3, floor_wall=0.1, p99=0.004, modules=120, rounds=7, size=2_500_000,
    imports={"onnxruntime": 90_000}, rows=(Row("onnxruntime", 2_000_000, 9_000_000, 30),),
)  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(measure, "measure", lambda bundle, environment, *, python: FOUND)
    return make_shop(tmp_path)


def allowed(shop: Shop, runtime: str = "auto", **limits: Any) -> Shop:
    return shop.configure(serve=ServeConfig(runtime=runtime, budget=BudgetConfig(**limits)))


def test_without_a_budget_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "measure", lambda *asked, **more: pytest.fail("measured"))
    assert budget.check(make_shop(tmp_path).ctx, tmp_path, {}, "3.13") == []


def test_within_the_budget_there_is_nothing_to_say(shop: Shop, tmp_path: Path) -> None:
    allowed(shop, cold_start_ratio=3.1, size_mb=2.6, imports=120, p99_ms=5.0)
    assert budget.check(shop.ctx, tmp_path, {}, "3.13") == []


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"cold_start_ratio": 2.9}, "cold_start_ratio is 3.00, allowed 2.9"),
        ({"size_mb": 2.4}, "size_mb is 2.50, allowed 2.4"),
        ({"imports": 119}, "imports is 120, allowed 119"),
    ],
)
def test_over_the_budget_is_exit_3_with_a_tree(shop: Shop, tmp_path: Path, limits: dict[str, Any], says: str) -> None:
    allowed(shop, **limits)
    with pytest.raises(GateFailed) as error:
        budget.check(shop.ctx, tmp_path, {}, "3.13")
    first, *tree = error.value.message.splitlines()
    assert first == f"over the budget: {says}"
    assert "onnxruntime" in tree[1]
    assert "90.0 ms to import" in tree[1]
    assert error.value.exit_code == 3
    assert 'runtime = "compiled"' in error.value.hint


def test_who_asked_for_onnxruntime_is_not_told_to_compile(shop: Shop, tmp_path: Path) -> None:
    allowed(shop, runtime="onnxruntime", imports=1)
    with pytest.raises(GateFailed) as error:
        budget.check(shop.ctx, tmp_path, {}, "3.13")
    assert "compiled" not in error.value.hint


def test_p99_is_advice(shop: Shop, tmp_path: Path) -> None:
    allowed(shop, p99_ms=3.0)
    assert budget.check(shop.ctx, tmp_path, {}, "3.13") == [
        "p99 of warm calls is 4.0 ms on this machine, over 3 (advice only)"
    ]


def test_a_plan_shows_it_and_refuses_nothing(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed(shop, imports=1)
    lines = budget.shown(shop.ctx, tmp_path, {}, "3.13")
    assert lines[0].startswith("start 300 ms CPU, 3.00x")
    assert lines[-1] == "over the budget: imports is 120, allowed 1"

    def unable(*asked: Any, **more: Any) -> Measured:
        raise PlanError("no Python 3.13 on this machine to measure with")

    monkeypatch.setattr(measure, "measure", unable)
    assert budget.shown(shop.ctx, tmp_path, {}, "3.13") == [
        "not measured: no Python 3.13 on this machine to measure with"
    ]
