"""OneHotEncoder with all that sklearn gives it: infrequent categories, dropped ones, numbers as categories.

Each column becomes a code (LabelEncoder, which also knows what an unseen value is) and the code a row of zeros and
ones (Equal). skl2onnx's own converter refuses infrequent categories and casts numbers to integers.
"""

from __future__ import annotations

from typing import Any

from toolkit.models.joining import joined

NOWHERE = -1  # the code of a value that lights no column


def shape(operator: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType

    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = FloatTensorType(
        [rows, sum(_width(operator.raw_operator, k) for k in _columns(operator))]
    )


def convert(scope: Any, operator: Any, container: Any) -> None:
    from onnx import TensorProto

    model = operator.raw_operator
    together = joined(scope, operator, container)
    blocks = []
    for column in _columns(operator):
        names = {
            what: scope.get_unique_variable_name(what) for what in ("index", "value", "code", "codes", "hit", "hot")
        }
        container.add_initializer(names["index"], TensorProto.INT64, [1], [column])
        container.add_node("Gather", [together, names["index"]], names["value"], name=_name(scope, "Gather"), axis=1)
        encoding = label_encoder(model, column)
        container.add_node(
            "LabelEncoder", names["value"], names["code"], op_domain="ai.onnx.ml", name=_name(scope, "Code"), **encoding
        )
        width = _width(model, column)
        container.add_initializer(names["codes"], TensorProto.INT64, [width], list(range(width)))
        container.add_node("Equal", [names["code"], names["codes"]], names["hit"], name=_name(scope, "Equal"))
        container.add_node("Cast", names["hit"], names["hot"], name=_name(scope, "Cast"), to=TensorProto.FLOAT)
        blocks.append(names["hot"])
    container.add_node("Concat", blocks, operator.outputs[0].full_name, name=_name(scope, "Concat"), axis=1)


def label_encoder(model: Any, column: int) -> dict[str, Any]:
    """Attributes of the LabelEncoder that turns a value into its place within the column's block."""
    categories = list(model.categories_[column])
    text = bool(categories) and isinstance(categories[0], str)
    groups = model._default_to_infrequent_mappings[column] if model._infrequent_enabled else None
    grouped = list(range(len(categories))) if groups is None else [int(group) for group in groups]
    unseen = NOWHERE
    if groups is not None and model.handle_unknown in ("infrequent_if_exist", "warn"):
        unseen = max(grouped)
    dropped = None if model.drop_idx_ is None else model._drop_idx_after_grouping[column]
    places = [_place(group, dropped) for group in grouped]
    keys = {"keys_strings": categories} if text else {"keys_floats": [float(value) for value in categories]}
    return {**keys, "values_int64s": places, "default_int64": _place(unseen, dropped)}


def _place(group: int, dropped: int | None) -> int:
    if dropped is None or group == NOWHERE or group < dropped:
        return group
    return NOWHERE if group == dropped else group - 1


def _columns(operator: Any) -> list[int]:
    """Input columns that put out anything at all."""
    model = operator.raw_operator
    return [k for k in range(len(model.categories_)) if _width(model, k)]


def _width(model: Any, column: int) -> int:
    return int(model._n_features_outs[column])


def _name(scope: Any, what: str) -> str:
    name: str = scope.get_unique_operator_name(what)
    return name
