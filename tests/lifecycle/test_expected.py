"""What a new model should answer differently."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lifecycle.shop import TRAIN, Shop, make_shop
from toolkit.domain.config import Gate
from toolkit.lifecycle import expected, scores, train
from toolkit.state.registry import Registry

WRONG = TRAIN.replace("data.y)\n", "data.y[::-1])\n")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Version 1 is champion; 2 learnt with more trees on other rows."""
    shop = make_shop(tmp_path)
    train.run(shop.ctx, dataset=shop.dataset())
    Registry(shop.ctx.store, "shop").move("champion", 1, actor="ada", op="one", time=shop.ctx.clock())
    train.run(shop.ctx, dataset=shop.dataset(seed=1), params={"trees": 40})
    return shop


def test_a_version_that_passed_its_gates_may_differ_as_it_did_there(shop: Shop) -> None:
    found = expected.run(shop.ctx, 1, 2)
    assert len(found) == scores.BINS
    assert found[0] > 2, "more trees are surer of themselves"
    assert min(found) < 1 < max(found)
    assert expected.run(shop.ctx, 1, 2, passed=True) == found


def test_the_same_model_is_expected_to_answer_the_same(shop: Shop) -> None:
    assert set(expected.run(shop.ctx, 1, 1)) == {1.0}


def test_one_that_its_gates_refuse_has_no_excuse(shop: Shop) -> None:
    shop.code(WRONG)
    train.run(shop.ctx, dataset=shop.dataset())
    assert expected.run(shop.ctx, 1, 3) == []
    shop.configure(gates=[Gate(metric="roc_auc", min=0.999)])
    assert expected.run(shop.ctx, 1, 2) == []
    assert "no other answers are expected of version 2: gate roc_auc" in shop.told.said[-1]


def test_what_cannot_be_compared_is_not_expected(shop: Shop) -> None:
    train.run(shop.ctx, dataset=shop.dataset(label="tier"))
    assert expected.run(shop.ctx, 1, 3, passed=True) == []
    assert "knows other classes" in shop.told.said[-1]
