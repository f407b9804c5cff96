"""Operators that only move values: at run time nothing is left of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.models.compile import onnxfile
from toolkit.models.compile.cells import Builder, Tensor
from toolkit.models.compile.onnxfile import Node
from toolkit.models.compile.problems import NotCompilable


def identity(build: Builder, node: Node, x: Tensor) -> Tensor:
    return x


def constant(build: Builder, node: Node) -> Tensor:
    if "value" not in node.attributes:
        raise NotCompilable(f"a constant given as {', '.join(node.attributes)}")
    return onnxfile.tensor(node.attributes["value"], build)


def constant_of_shape(build: Builder, node: Node, shape: Tensor) -> Tensor:
    filled = onnxfile.tensor(node.attributes["value"], build) if "value" in node.attributes else None
    filled = filled or build.constant([0.0], "float32")
    return Tensor(np.full([int(n) for n in build.numbers(shape)], filled.places.reshape(-1)[0]), filled.kind)


def shape(build: Builder, node: Node, x: Tensor) -> Tensor:
    return build.constant(list(x.places.shape), "int")


def reshape(build: Builder, node: Node, x: Tensor, to: Tensor) -> Tensor:
    sizes = [int(n) for n in build.numbers(to)]
    sizes = [x.places.shape[k] if n == 0 else n for k, n in enumerate(sizes)]
    return Tensor(x.places.reshape(sizes), x.kind)


def flatten(build: Builder, node: Node, x: Tensor) -> Tensor:
    axis = int(node.get("axis", 1))
    first = int(np.prod(x.places.shape[:axis], dtype=int))
    return Tensor(x.places.reshape(first, -1), x.kind)


def squeeze(build: Builder, node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen = None if axes is None else tuple(int(n) for n in build.numbers(axes))
    return Tensor(np.squeeze(x.places, axis=chosen), x.kind)


def unsqueeze(build: Builder, node: Node, x: Tensor, axes: Tensor) -> Tensor:
    return Tensor(np.expand_dims(x.places, tuple(int(n) for n in build.numbers(axes))), x.kind)


def transpose(build: Builder, node: Node, x: Tensor) -> Tensor:
    return Tensor(np.transpose(x.places, node.get("perm")), x.kind)


def expand(build: Builder, node: Node, x: Tensor, to: Tensor) -> Tensor:
    sizes = np.broadcast_shapes(x.places.shape, tuple(int(n) for n in build.numbers(to)))
    return Tensor(np.broadcast_to(x.places, sizes), x.kind)


def concat(build: Builder, node: Node, *parts: Tensor) -> Tensor:
    if len({part.kind for part in parts}) > 1:
        raise NotCompilable("it joins values of several types")
    return Tensor(np.concatenate([part.places for part in parts], axis=int(node.get("axis"))), parts[0].kind)


def vectorize(build: Builder, node: Node, *parts: Tensor) -> Tensor:
    """FeatureVectorizer: numbers of any type, side by side, as float32."""
    if any(part.kind not in ("float32", "int", "bool") for part in parts):
        raise NotCompilable("FeatureVectorizer over other values than numbers")
    singles = [p if p.kind == "float32" else build.map("float", p, kind="float32") for p in parts]
    return Tensor(np.concatenate([part.places for part in singles], axis=1), "float32")


def gather(build: Builder, node: Node, x: Tensor, index: Tensor) -> Tensor:
    axis = int(node.get("axis", 0))
    if not index.known:
        return _chosen(build, x, index, axis)
    wanted = build.values(index).astype(np.int64)
    return Tensor(np.take(x.places, wanted, axis=axis), x.kind)


def extract(build: Builder, node: Node, x: Tensor, index: Tensor) -> Tensor:
    """ArrayFeatureExtractor: columns of the last axis; of a single row of constants, by what was computed."""
    if not index.known:
        found = _chosen(build, x, index, x.places.ndim - 1)
        return Tensor(found.places.reshape(1, -1), found.kind)
    wanted = [int(n) for n in build.numbers(index)]
    places = x.places if x.places.ndim > 1 else x.places.reshape(1, -1)
    return Tensor(places[..., wanted], x.kind)


def _chosen(build: Builder, x: Tensor, index: Tensor, axis: int) -> Tensor:
    """Known values picked by a number that the row decides: a table."""
    if not x.known or x.places.size != x.places.shape[axis]:
        raise NotCompilable("it picks among computed values by a computed number")
    values = build.numbers(x)
    default = "" if x.kind == "text" else 0
    return build.lookup(index, list(range(len(values))), values, default, default, x.kind)


def slice_(build: Builder, node: Node, x: Tensor, *bounds: Tensor) -> Tensor:
    starts, ends, axes, steps = ([int(n) for n in build.numbers(b)] for b in _four(build, bounds))
    places = x.places
    for start, end, axis, step in zip(
        starts, ends, axes or range(len(starts)), steps or [1] * len(starts), strict=True
    ):
        chosen: list[Any] = [slice(None)] * places.ndim
        chosen[axis] = slice(start, None if end < -(2**31) else end, step)
        places = places[tuple(chosen)]
    return Tensor(places, x.kind)


def _four(build: Builder, bounds: tuple[Tensor, ...]) -> list[Tensor]:
    empty = build.constant([], "int")
    return [*bounds, *[empty] * (4 - len(bounds))]
