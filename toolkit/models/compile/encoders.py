"""Preprocessing as ai.onnx.ml writes it: codes, gaps, scales, norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.models.compile.arithmetic import normalized
from toolkit.models.compile.cells import Builder, Kind, Tensor
from toolkit.models.compile.onnxfile import Node
from toolkit.models.compile.problems import NotCompilable

_NEVER = {"strings": "_Unused", "int64s": -1, "floats": -0.0}
_DEFAULT = {"strings": "default_string", "int64s": "default_int64", "floats": "default_float"}
_KINDS: dict[str, Kind] = {"strings": "text", "int64s": "int", "floats": "float32"}


def label_encoder(build: Builder, node: Node, x: Tensor) -> Tensor:
    keys_of, values_of = (_which(node, f"{side}_") for side in ("keys", "values"))
    keys, values = list(node.attributes[f"keys_{keys_of}"]), list(node.attributes[f"values_{values_of}"])
    default = node.get(_DEFAULT[values_of], _NEVER[values_of])
    if _KINDS[keys_of] != x.kind:
        raise NotCompilable(f"LabelEncoder of {x.kind} by {keys_of}")
    known, missing = [], default
    for key, value in zip([_key(key) for key in keys], values, strict=True):
        if key != key:
            missing = value
        else:
            known.append((key, value))
    table = dict(reversed(known))  # of two equal keys the first counts
    return build.lookup(x, list(table), list(table.values()), default, missing, _KINDS[values_of])


def _which(node: Node, prefix: str) -> str:
    found = [name.removeprefix(prefix) for name in node.attributes if name.startswith(prefix)]
    if len(found) != 1 or found[0] not in _KINDS:
        raise NotCompilable(f"LabelEncoder with {', '.join(node.attributes)}")
    return found[0]


def _key(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return float(np.float32(value)) if isinstance(value, float) else value


def one_hot(build: Builder, node: Node, x: Tensor) -> Tensor:
    """[..., categories] of x [...]."""
    if not node.get("zeros", 1):
        raise NotCompilable("OneHotEncoder that fails on what it does not know")
    text = node.attributes.get("cats_strings")
    known = build.constant(text or node.get("cats_int64s"), "text" if text else "int")
    wide = Tensor(x.places[..., np.newaxis], x.kind)
    return build.map("float", build.map("eq", wide, known, kind="bool"), kind="float32")


def imputer(build: Builder, node: Node, x: Tensor) -> Tensor:
    if "imputed_value_floats" not in node.attributes or x.kind != "float32":
        raise NotCompilable(f"Imputer of {x.kind}")
    filled = build.constant(node.attributes["imputed_value_floats"], "float32")
    replaced = float(node.get("replaced_value_float", 0.0))
    if replaced != replaced:
        gap = build.map("isnan", x, kind="bool")
    else:
        gap = build.map("eq", x, build.constant(replaced, "float32"), kind="bool")
    return build.map("where", gap, filled, x, kind="float32")


def scaler(build: Builder, node: Node, x: Tensor) -> Tensor:
    singles = _single(build, x)
    offset = build.constant(node.attributes["offset"], "float32")
    scale = build.constant(node.attributes["scale"], "float32")
    return build.map("mul", build.map("sub", singles, offset, kind="float32"), scale, kind="float32")


def normalizer(build: Builder, node: Node, x: Tensor) -> Tensor:
    return normalized(build, _single(build, x), str(node.get("norm", "MAX")))


def binarizer(build: Builder, node: Node, x: Tensor) -> Tensor:
    above = build.map("gt", x, build.constant(float(node.get("threshold", 0.0)), "float32"), kind="bool")
    return build.map("float", above, kind=x.kind)


def _single(build: Builder, x: Tensor) -> Tensor:
    if x.kind == "float32":
        return x
    if x.kind not in ("int", "bool"):
        raise NotCompilable(f"scaling {x.kind}")
    return build.map("float", x, kind="float32")
