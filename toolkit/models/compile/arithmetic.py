"""Operators that compute element by element, and along an axis."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from toolkit.models.compile import onnxfile
from toolkit.models.compile.cells import Builder, Kind, Tensor
from toolkit.models.compile.onnxfile import Node
from toolkit.models.compile.problems import NotCompilable

Lowering = Callable[..., Tensor]
FLOATS = ("float32", "float64")


def arithmetic(function: str, *, whole: bool = True) -> Lowering:
    """Of two or more operands of one type, folded from the left. `whole`: also of integers."""

    def lower(build: Builder, node: Node, *operands: Tensor) -> Tensor:
        kinds = {operand.kind for operand in operands}
        if len(kinds) != 1 or not kinds <= {*FLOATS, *(("int",) if whole else ())}:
            raise NotCompilable(f"{node.operator} of {', '.join(sorted(kinds))}")
        kind = operands[0].kind
        return reduce(lambda a, b: build.map(function, a, b, kind=kind), operands)

    return lower


def power(build: Builder, node: Node, base: Tensor, exponent: Tensor) -> Tensor:
    if base.kind not in FLOATS or exponent.kind == "text":
        raise NotCompilable(f"Pow of {base.kind}")
    return build.map("pow", base, exponent, kind=base.kind)


def comparison(function: str) -> Lowering:
    def lower(build: Builder, node: Node, a: Tensor, b: Tensor) -> Tensor:
        return build.map(function, a, b, kind="bool")

    return lower


def unary(function: str, *, kind: Kind | None = None) -> Lowering:
    def lower(build: Builder, node: Node, x: Tensor) -> Tensor:
        if kind is None and x.kind not in FLOATS and function not in ("neg", "abs"):
            raise NotCompilable(f"{node.operator} of {x.kind}")
        return build.map(function, x, kind=kind or x.kind)

    return lower


def reciprocal(build: Builder, node: Node, x: Tensor) -> Tensor:
    return build.map("div", build.constant(1.0, x.kind), x, kind=x.kind)


def clip(build: Builder, node: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    found = x if low is None else build.map("max", x, low, kind=x.kind)
    return found if high is None else build.map("min", found, high, kind=x.kind)


def where(build: Builder, node: Node, condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return build.map("where", condition, yes, no, kind=yes.kind)


def cast(build: Builder, node: Node, x: Tensor) -> Tensor:
    wanted = onnxfile.kind(int(node.get("to")))
    if wanted == x.kind:
        return x
    if "text" in (wanted, x.kind):
        raise NotCompilable(f"Cast of {x.kind} to {wanted}")
    return build.map({"int": "int", "bool": "bool"}.get(wanted, "float"), x, kind=wanted)


def reduction(function: str) -> Lowering:
    """ReduceSum and its like: over one axis, given as an attribute or as an input."""

    def lower(build: Builder, node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen = build.numbers(axes) if axes is not None else node.get("axes")
        if chosen is None or len(chosen) != 1 or x.kind not in FLOATS:
            raise NotCompilable(f"{node.operator} of {x.kind} over other than one axis")
        return build.reduce(function, x, int(chosen[0]), keep=bool(node.get("keepdims", 1)), kind=x.kind)

    return lower


def mean(build: Builder, node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    total = reduction("sum")(build, node, x, axes)
    size = x.places.size // max(total.places.size, 1)
    return build.map("div", total, build.constant(float(size), x.kind), kind=x.kind)


def best(function: str) -> Lowering:
    def lower(build: Builder, node: Node, x: Tensor) -> Tensor:
        if node.get("select_last_index", 0):
            raise NotCompilable(f"{node.operator} of the last")
        return build.reduce(function, x, int(node.get("axis", 0)), keep=bool(node.get("keepdims", 1)), kind="int")

    return lower


def softmax(build: Builder, node: Node, x: Tensor) -> Tensor:
    return softmaxed(build, x, int(node.get("axis", -1)))


def softmaxed(build: Builder, x: Tensor, axis: int = -1) -> Tensor:
    top = build.reduce("max", x, axis, keep=True, kind=x.kind)
    powers = build.map("exp", build.map("sub", x, top, kind=x.kind), kind=x.kind)
    total = build.reduce("sum", powers, axis, keep=True, kind=x.kind)
    return build.map("div", powers, total, kind=x.kind)


def normalized(build: Builder, x: Tensor, norm: str, axis: int = 1) -> Tensor:
    """Divided by the row's norm; a row of norm zero stays as it is."""
    parts: dict[str, Any] = {"L1": ("abs", "sum"), "L2": ("mul", "sum"), "MAX": ("abs", "max")}
    if norm not in parts or x.kind != "float32":
        raise NotCompilable(f"normalizing {x.kind} by {norm}")
    function, gathered = parts[norm]
    sizes = build.map(function, *([x] * (2 if norm == "L2" else 1)), kind=x.kind)
    total = build.reduce(gathered, sizes, axis, keep=True, kind=x.kind)
    if norm == "L2":
        total = build.map("sqrt", total, kind=x.kind)
    empty = build.map("eq", total, build.constant(0.0, x.kind), kind="bool")
    divisor = build.map("where", empty, build.constant(1.0, x.kind), total, kind=x.kind)
    return build.map("div", x, divisor, kind=x.kind)


def lp_normalization(build: Builder, node: Node, x: Tensor) -> Tensor:
    return normalized(build, x, f"L{int(node.get('p', 2))}", int(node.get("axis", -1)))
