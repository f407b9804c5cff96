"""Exact contributions against the definition (every coalition asked of the served model), and against shap."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from tests.serving.explained import ESTIMATORS, Trained, every_coalition, trained
from toolkit.serving.attribution import ROLE, Exact, NotExact
from toolkit.serving.shapley import TooSlow

BACKGROUND = 12


def exact(found: Trained, rows: int = BACKGROUND) -> Exact:
    background = found.rows[:rows]
    return Exact(found.model.files[ROLE], found.model.signature, background, found.scores(background))


def on_scale(explainer: Exact, probabilities: list[float], answer: int) -> float:
    """A served answer on the scale that is explained."""
    served = probabilities[answer]
    if explainer.link.space == "log-odds":
        return math.log(served / (1 - served))
    return math.log(served) if explainer.link.space == "log" else served


# Several scores at once through a softmax: differences of two of them are logarithms of the ratio of their shares.
MANY = ("logistic many", "hist many", "lightgbm many", "xgboost many")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_contributions_are_shapley_values_of_the_served_model(name: str) -> None:
    found = trained(name)
    explainer = exact(found)
    classes = found.model.signature.classes
    answer = len(classes) - 1 if classes else 0

    def ask(rows: list[Any]) -> list[float]:
        scores = found.scores(rows)
        if name in MANY:
            return [math.log(s[answer] / s[0]) for s in scores]
        return [on_scale(explainer, s, answer) for s in scores]

    scale = 1.0 if classes else 300.0
    for row in found.rows[100:103]:
        got = explainer.explain(row, answer)
        parts, value = got.parts, got.value
        if name in MANY:
            other = explainer.explain(row, 0)
            parts, value = [a - b for a, b in zip(parts, other.parts, strict=True)], value - other.value
        expected = every_coalition(ask, row, found.rows[:BACKGROUND])
        assert parts == pytest.approx(expected, abs=2e-4 * scale)
        assert value == pytest.approx(ask([row])[0], abs=2e-4 * scale)
        assert got.base + math.fsum(got.parts) == pytest.approx(got.value)
    space = {"binary": {"log-odds", "line"}, "multiclass": {"score", "line"}, "regression": {"line", "log"}}
    assert explainer.link.space in space[found.model.signature.task]


def test_the_second_class_is_the_first_the_other_way_round() -> None:
    explainer = exact(trained("hist"))
    row = trained("hist").rows[100]
    first, second = explainer.explain(row, 0), explainer.explain(row, 1)
    assert first.parts == [-part for part in second.parts]
    assert explainer.link.space == "log-odds"


def test_a_background_row_against_itself_says_nothing() -> None:
    found = trained("forest")
    background = found.rows[:1]
    explainer = Exact(found.model.files[ROLE], found.model.signature, background, found.scores(background))
    assert explainer.explain(background[0], 1).parts == [0.0] * len(found.features)


def test_what_is_not_served_is_not_explained() -> None:
    found = trained("ridge")
    wrong = [[value + 1] for (value,) in found.scores(found.rows[:5])]
    with pytest.raises(NotExact, match="does not answer what is served"):
        Exact(found.model.files[ROLE], found.model.signature, found.rows[:5], wrong)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xc1", b"\x93\x01\x02\x03"])
def test_a_program_that_is_none(data: bytes) -> None:
    found = trained("ridge")
    with pytest.raises(NotExact):
        Exact(data, found.model.signature, found.rows[:2], found.scores(found.rows[:2]))


def test_the_deadline_is_kept() -> None:
    explainer = exact(trained("extra trees"))
    with pytest.raises(TooSlow):
        explainer.explain(trained("extra trees").rows[100], 0, time.perf_counter() - 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logistic", "hist", "gradient boosting", "ridge", "hist number", "forest number"])
def test_shap_says_the_same(name: str) -> None:
    """shap's exact explainer over the raw features of the estimator itself, with the same background."""
    import warnings

    import numpy as np
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    found = trained(name)
    explainer = exact(found)
    table = found.frame.to_pandas()[[f.name for f in found.features]]
    words = {c: sorted(set(table[c])) for c in table if not pd.api.types.is_numeric_dtype(table[c])}

    def coded(rows: Any) -> Any:
        made = rows.copy()
        for column, known in words.items():
            made[column] = made[column].map(known.index)
        return made.to_numpy(dtype=float)

    def ask(matrix: Any) -> Any:
        made = pd.DataFrame(matrix, columns=list(table))
        for column, known in words.items():
            made[column] = [known[int(code)] for code in made[column]]
        if not found.model.signature.classes:
            return found.estimator.predict(made)
        share = found.estimator.predict_proba(made)[:, 1]
        return np.log(share / (1 - share))

    background, asked = coded(table.iloc[:BACKGROUND]), coded(table.iloc[100:104])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = shap.explainers.Exact(ask, shap.maskers.Independent(background, max_samples=BACKGROUND))(asked)
    answer = 1 if found.model.signature.classes else 0
    scale = 1.0 if answer else 300.0
    for row, parts, base in zip(found.rows[100:104], theirs.values, theirs.base_values, strict=True):
        got = explainer.explain(row, answer)
        assert got.parts == pytest.approx(list(parts), abs=2e-4 * scale)
        assert got.base == pytest.approx(float(base), abs=2e-4 * scale)


@pytest.mark.slow
def test_shap_for_trees_says_the_same_of_a_model_without_preprocessing() -> None:
    """TreeSHAP, interventional, over the columns that the forest itself takes: here a column a feature."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    found = trained("forest number")
    coding, forest = found.estimator[0], found.estimator[-1]
    table = found.frame.to_pandas()
    matrix = coding.transform(table)
    theirs = shap.TreeExplainer(
        forest, matrix[:BACKGROUND].astype("float32"), feature_perturbation="interventional"
    ).shap_values(matrix[100:110].astype("float32"), check_additivity=False)
    order = [name for _, _, columns in coding.transformers_ for name in columns]
    places = [order.index(feature.name) for feature in found.features]
    explainer = exact(found)
    for number, row in enumerate(found.rows[100:110]):
        got = explainer.explain(row, 0).parts
        assert got == pytest.approx([theirs[number][place] for place in places], abs=0.01)
