"""Gates, and the one journal entry they guard."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain.config import Gate
from toolkit.domain.errors import ConfigError, Conflict, DataError, GateFailed, NotFound
from toolkit.lifecycle import evaluate, promote, rollback, train
from toolkit.state.registry import Registry


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


SPOILED = """
from sklearn.ensemble import HistGradientBoostingClassifier
def train(data, params):
    return HistGradientBoostingClassifier(max_iter=5, categorical_features=data.text).fit(data.X, 1 - data.y)
"""


def test_the_latest_becomes_champion(shop: Shop) -> None:
    train.run(shop.ctx, dataset=shop.dataset())
    done = promote.run(shop.ctx)
    assert (done.alias, done.version, done.previous) == ("champion", 1, 0)
    assert [(gate.metric, gate.gate, gate.passed) for gate in done.gates] == [
        ("roc_auc", "min", True),
        ("roc_auc", "max_drop", True),
    ]
    assert Registry(shop.ctx.store, "shop").aliases() == {"champion": 1}


def test_an_absolute_gate_refuses(shop: Shop) -> None:
    train.run(shop.code(SPOILED).ctx, dataset=shop.dataset())
    with pytest.raises(GateFailed, match=r"gate roc_auc min 0.5: measured 0\.[0-4]") as refused:
        promote.run(shop.ctx)
    assert refused.value.exit_code == 3
    assert not Registry(shop.ctx.store, "shop").aliases()


def test_a_model_worse_than_the_champion_is_refused(shop: Shop) -> None:
    dataset = shop.dataset()
    train.run(shop.ctx, dataset=dataset, params={"trees": 30})
    promote.run(shop.ctx)
    shop.configure(gates=[Gate(metric="roc_auc", max_drop=0.01)])
    train.run(shop.ctx, dataset=dataset, params={"trees": 1})
    with pytest.raises(GateFailed, match=r"gate roc_auc max_drop 0.01: .* against the champion's"):
        promote.run(shop.ctx)
    assert Registry(shop.ctx.store, "shop").aliases() == {"champion": 1}


def test_the_champion_is_measured_on_the_candidates_rows(shop: Shop) -> None:
    train.run(shop.ctx, dataset=shop.dataset())
    promote.run(shop.ctx)
    train.run(shop.ctx, dataset=shop.dataset(rows=600, seed=5))
    registry = Registry(shop.ctx.store, "shop")
    ours, theirs = evaluate.compared(shop.ctx, registry.version(2), registry.version(1))
    assert ours == pytest.approx(registry.version(2).metrics)
    assert theirs.keys() == ours.keys()
    assert theirs != registry.version(1).metrics
    model = evaluate.loaded(shop.ctx, registry.version(1))
    rows, label = evaluate.test_rows(shop.ctx, evaluate.loaded(shop.ctx, registry.version(2)).manifest)
    assert len(rows) == pytest.approx(150, abs=5)
    assert evaluate.measured(model, rows, label) == theirs
    assert promote.run(shop.ctx).version == 2


def test_on_the_same_rows_nothing_is_measured_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = shop.dataset()
    train.run(shop.ctx, dataset=dataset)
    promote.run(shop.ctx)
    train.run(shop.ctx, dataset=dataset, params={"trees": 9})
    monkeypatch.delattr(evaluate, "test_rows")
    assert promote.run(shop.ctx).version == 2


def test_another_label_cannot_be_compared(shop: Shop) -> None:
    train.run(shop.ctx, dataset=shop.dataset())
    promote.run(shop.ctx)
    shop.configure(gates=[Gate(metric="accuracy", max_drop=0.5)])
    train.run(shop.ctx, dataset=shop.dataset(label="tier"))
    with pytest.raises(
        DataError, match=r"version 1 cannot be measured .* it predicts 'bought'|no test row has a known"
    ):
        promote.run(shop.ctx)


def test_past_the_gates_takes_a_reason_that_is_recorded(shop: Shop) -> None:
    train.run(shop.code(SPOILED).ctx, dataset=shop.dataset())
    with pytest.raises(ConfigError, match="needs a reason"):
        promote.run(shop.ctx, gates=False)
    done = promote.run(shop.ctx, gates=False, reason="a test of the alarm")
    assert done.gates == ()
    last = Registry(shop.ctx.store, "shop").promotion("champion")
    assert last is not None
    assert (last.reason, last.actor) == ("a test of the alarm", "ada")


def test_nothing_to_promote(shop: Shop) -> None:
    with pytest.raises(NotFound, match="no version"):
        promote.run(shop.ctx)
    train.run(shop.ctx, dataset=shop.dataset())
    with pytest.raises(NotFound):
        promote.run(shop.ctx, 7)


def test_a_champion_that_changed_meanwhile_is_a_conflict(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = shop.dataset()
    for trees in (3, 4, 5):
        train.run(shop.ctx, dataset=dataset, params={"trees": trees})
    promote.run(shop.ctx, 1)
    judged = promote._judged

    def meanwhile(*arguments: object) -> object:
        monkeypatch.setattr(promote, "_judged", judged)
        promote.run(shop.ctx, 2)
        return judged(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(promote, "_judged", meanwhile)
    with pytest.raises(Conflict, match="gave it to version 2"):
        promote.run(shop.ctx, 3)


def test_rollback_goes_back_step_by_step(shop: Shop) -> None:
    dataset = shop.dataset()
    for trees in (3, 4, 5):
        train.run(shop.ctx, dataset=dataset, params={"trees": trees})
        promote.run(shop.ctx, gates=False, reason="in turn")
    moved = rollback.run(shop.ctx, reason="slow")
    assert (moved.version, moved.previous, moved.reason) == (2, 3, "slow")
    assert rollback.run(shop.ctx).version == 1
    with pytest.raises(NotFound, match="no holder before"):
        rollback.run(shop.ctx)
    assert rollback.run(shop.ctx, version=3).version == 3
