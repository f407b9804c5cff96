"""Which runtime a model gets: what was asked for, or what is proven and small enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain.config import ServeConfig
from toolkit.domain.errors import PlanError
from toolkit.domain.records import Compiled, Feature, ModelManifest, Signature, Split
from toolkit.lifecycle import compiled

PROVEN = Compiled(rows=100, adversarial_rows=50, max_difference=1e-7, tolerance=1e-5, work=700)


def manifest(form: Compiled | None = PROVEN) -> ModelManifest:
    files = {"model.onnx": "a", "profile": "b", **({"compiled": "c"} if form and not form.reason else {})}
    signature = Signature(task="regression", features=(Feature(name="a", dtype="float64"),), label="y")
    return ModelManifest(
        model="shop", signature=signature, files=files, sizes={}, metrics={}, dataset="d", dataset_version="v",
        code="c", split=Split(), compiled=form,
    )  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def serve(shop: Shop, **changes: Any) -> Shop:
    return shop.configure(serve=ServeConfig(**changes))


def test_a_proven_model_that_is_asked_row_by_row_is_compiled(shop: Shop) -> None:
    choice = compiled.choose(shop.ctx, manifest())
    assert choice.compiled
    assert choice.why == "proven equal on 150 rows"
    assert compiled.files(manifest(), choice) == {"compiled": "c", "profile": "b"}


@pytest.mark.parametrize(
    ("changes", "form", "why"),
    [
        ({"runtime": "onnxruntime"}, PROVEN, "serve.runtime"),
        ({"expect_rows": 22}, PROVEN, "22 rows take 15,400 steps"),
        ({"model": "bucket"}, PROVEN, "a later version"),
        ({}, Compiled(reason="the operator Erf"), "the operator Erf"),
        ({}, None, "trained before"),
    ],
)
def test_otherwise_it_is_onnxruntime(shop: Shop, changes: dict[str, Any], form: Compiled | None, why: str) -> None:
    choice = compiled.choose(serve(shop, **changes).ctx, manifest(form))
    assert not choice.compiled
    assert why in choice.why
    assert compiled.files(manifest(form), choice) == {"model.onnx": "a", "profile": "b"}


def test_what_was_asked_for_is_done_or_refused(shop: Shop) -> None:
    serve(shop, runtime="compiled", expect_rows=10_000, model="bucket")
    assert compiled.choose(shop.ctx, manifest()).compiled
    with pytest.raises(PlanError, match="no compiled form: the operator Erf") as error:
        compiled.choose(shop.ctx, manifest(Compiled(reason="the operator Erf")))
    assert 'runtime = "auto"' in error.value.hint
