"""What is handed to skl2onnx beside its own converters: corrections of trees, imputers, and the boosters.

Corrections are passed with each conversion, so that nothing global changes. The boosters are registered, because
sklearn's meta-estimators (voting, calibration, search) look their parts up in skl2onnx's registry.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from toolkit.models import imputer, onehot, trees

Converter = Callable[[Any, Any, Any], None]
Shape = Callable[[Any], None]


def conversions() -> tuple[dict[type, Converter], dict[type, Shape]]:
    """Converters and shape calculators by estimator class."""
    from sklearn import ensemble, tree
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    converters: dict[type, Converter] = {SimpleImputer: imputer.convert, OneHotEncoder: onehot.convert}
    shapes: dict[type, Shape] = {SimpleImputer: imputer.shape, OneHotEncoder: onehot.shape}
    forests = [getattr(ensemble, f"{name}{task}") for name in ("RandomForest", "ExtraTrees") for task in _TASKS]
    single = [getattr(tree, f"{name}{task}") for name in ("DecisionTree", "ExtraTree") for task in _TASKS]
    for kind in forests + single:
        converters[kind] = _forest(_library(kind))
    for task in _TASKS:
        kind = getattr(ensemble, f"HistGradientBoosting{task}")
        converters[kind] = _hist(_library(kind))
    return converters, shapes


def register_boosters() -> None:
    """Teach skl2onnx the boosters that this process has imported (an estimator of any other cannot exist here)."""
    if "lightgbm" in sys.modules:
        import lightgbm
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

        _register(lightgbm.LGBMClassifier, _lightgbm(convert_lightgbm))
        _register(lightgbm.LGBMRegressor, _lightgbm(convert_lightgbm))
    if "xgboost" in sys.modules:
        import xgboost
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

        for name in ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"):
            _register(getattr(xgboost, name), _xgboost(convert_xgboost))


_TASKS = ("Classifier", "Regressor")


def _library(kind: type) -> Converter:
    """skl2onnx's own converter for an estimator class."""
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common._registration import get_converter

    found: Converter = get_converter(sklearn_operator_name_map[kind])
    return found


def _register(kind: type, converter: Converter) -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    classifier = kind.__name__.endswith("Classifier")
    update_registered_converter(
        kind,
        f"Toolkit{kind.__name__}",
        calculate_linear_classifier_output_shapes if classifier else calculate_linear_regressor_output_shapes,
        converter,
        overwrite=True,
        options={"zipmap": [True, False, "columns"], "nocl": [True, False]} if classifier else None,
    )


def _forest(library: Converter) -> Converter:
    def convert(scope: Any, operator: Any, container: Any) -> None:
        model = operator.raw_operator
        splits = [trees.sklearn_splits(part.tree_) for part in getattr(model, "estimators_", [model])]
        library(scope, operator, trees.Correcting(container, lambda attributes: trees.rewrite(attributes, splits)))

    return convert


def _hist(library: Converter) -> Converter:
    def convert(scope: Any, operator: Any, container: Any) -> None:
        model = operator.raw_operator
        columns, codes = hist_columns(model)
        splits = [trees.hist_splits(tree, columns, codes) for step in model._predictors for tree in step]
        correcting = trees.Correcting(container, lambda attributes: trees.rewrite(attributes, splits))
        if type(model._loss.link).__name__ != "LogLink":
            library(scope, operator, correcting)
            return
        raw = scope.get_unique_variable_name("raw")  # poisson and gamma: the trees add up to the logarithm
        library(scope, _Operator(operator, outputs=[SimpleNamespace(full_name=raw)]), correcting)
        container.add_node("Exp", raw, operator.outputs[0].full_name, name=scope.get_unique_operator_name("Exp"))

    return convert


def hist_columns(model: Any) -> tuple[list[int], dict[int, list[float]]]:
    """(input column of each feature of the trees, category values in code order of the categorical ones).

    sklearn encodes the categorical columns and moves them to the front before it grows trees.
    """
    import numpy as np

    mask = model.is_categorical_
    if mask is None:
        return list(range(model.n_features_in_)), {}
    if model._preprocessor is None:  # encoded by a step of its own: see export.spelled_out
        known = model._bin_mapper.bin_thresholds_
        places = np.flatnonzero(model._is_categorical_remapped)
        return list(range(model.n_features_in_)), {int(k): [float(v) for v in known[k]] for k in places}
    order = [int(k) for k in np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)])]
    encoder = model._preprocessor.named_transformers_["encoder"]
    values = [[float(v) for v in categories if v == v] for categories in encoder.categories_]
    return order, dict(enumerate(values))


def _lightgbm(library: Converter) -> Converter:
    def convert(scope: Any, operator: Any, container: Any) -> None:
        library(scope, operator, trees.Correcting(container, trees.floor_thresholds))

    return convert


def _xgboost(library: Converter) -> Converter:
    """The converter reads features as f0, f1 ...: it is given a copy of the booster that has forgotten their names."""

    def convert(scope: Any, operator: Any, container: Any) -> None:
        estimator = copy.copy(operator.raw_operator)
        booster = estimator.get_booster().copy()
        booster.feature_names = None
        estimator._Booster = booster
        library(scope, _Operator(operator, raw_operator=estimator), container)

    return convert


class _Operator:
    """An operator with some of its fields replaced."""

    def __init__(self, operator: Any, **fields: Any) -> None:
        self._operator = operator
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operator, name)
