"""Weights: LinearRegressor, LinearClassifier, MatMul, Gemm."""

from __future__ import annotations

import numpy as np

from toolkit.models.compile.arithmetic import softmaxed
from toolkit.models.compile.cells import Builder, Tensor, table
from toolkit.models.compile.onnxfile import Node
from toolkit.models.compile.problems import NotCompilable


def regressor(build: Builder, node: Node, x: Tensor) -> Tensor:
    targets = int(node.get("targets", 1))
    bias = list(node.get("intercepts") or [0.0] * targets)
    return posted(build, weighted(build, x, node.get("coefficients"), bias), str(node.get("post_transform", "NONE")))


def classifier(build: Builder, node: Node, x: Tensor) -> tuple[Tensor, Tensor]:
    """(label, scores); the label is the first of the largest scores."""
    labels, kind = class_labels(node, "classlabels_ints", "classlabels_strings")
    bias = list(node.get("intercepts") or [0.0] * len(labels))
    if len(bias) != len(labels):
        raise NotCompilable("LinearClassifier with one score for two classes")
    scores = weighted(build, x, node.get("coefficients"), bias)
    best = build.reduce("argmax", scores, 1, keep=False, kind="int")
    chosen = build.lookup(best, list(range(len(labels))), labels, labels[0], labels[0], kind)  # type: ignore[arg-type]
    return chosen, posted(build, scores, str(node.get("post_transform", "NONE")))


def class_labels(node: Node, whole: str, text: str) -> tuple[list[object], str]:
    if node.attributes.get(text):
        return [value.decode() for value in node.attributes[text]], "text"
    return [int(value) for value in node.attributes.get(whole) or ()], "int"


def posted(build: Builder, scores: Tensor, transform: str) -> Tensor:
    if transform == "NONE":
        return scores
    if transform == "LOGISTIC":
        return build.map("logistic", scores, kind="float32")
    if transform == "SOFTMAX":
        return softmaxed(build, scores)
    raise NotCompilable(f"scores transformed by {transform}")


def matmul(build: Builder, node: Node, x: Tensor, weights: Tensor) -> Tensor:
    matrix = build.values(weights)
    if matrix.ndim == 1:
        found = weighted(build, x, matrix, [0.0])
        return Tensor(found.places.reshape(-1), found.kind)
    return weighted(build, x, matrix.T.reshape(-1), [0.0] * matrix.shape[1])


def gemm(build: Builder, node: Node, x: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    if node.get("alpha", 1.0) != 1.0 or node.get("beta", 1.0) != 1.0 or node.get("transA", 0):
        raise NotCompilable("Gemm with factors")
    matrix = build.values(weights)
    matrix = matrix if node.get("transB", 0) else matrix.T
    offsets = [0.0] * len(matrix) if bias is None else build.numbers(bias)
    return weighted(build, x, matrix.reshape(-1), np.broadcast_to(np.asarray(offsets, dtype=float), len(matrix)))


def weighted(build: Builder, x: Tensor, weights: object, bias: object) -> Tensor:
    """[1, outputs] of x [1, inputs], weights in the order [outputs, inputs]."""
    if x.kind not in ("float32", "int", "bool") or x.places.ndim != 2 or x.places.shape[0] != 1:
        raise NotCompilable(f"a product of {x.kind} of the shape {x.places.shape}")
    flat, offsets = np.asarray(weights, dtype=np.float32), np.asarray(bias, dtype=np.float32)
    if flat.size != x.places.size * offsets.size:
        raise NotCompilable("weights that do not fit their inputs")
    places, tables = x.places.reshape(-1).copy(), (table("f", flat), table("f", offsets))
    found = build.step("linear", places, *tables, outputs=offsets.size, work=places.size + flat.size / 2)
    return Tensor(found.reshape(1, -1), "float32")
