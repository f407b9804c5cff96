"""Tree ensembles as tables for `serving.steps`: one kind of node, `x[feature] <= value`, and children behind parents.

Every other kind becomes that one. Inputs are float32, so `x < v` is `x <= the float32 below v`; `x >= v` is a question
about -x; a node that sends NaN to the left is asked the other way round about -x, because a comparison with NaN is
false; `x == v` is two questions. The inputs negated stand behind the inputs themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from toolkit.models.compile.cells import Builder, Tensor, table
from toolkit.models.compile.linear import class_labels, posted
from toolkit.models.compile.onnxfile import Node
from toolkit.models.compile.problems import NotCompilable

MAX_NODES = 400_000  # past it the tables take longer to read than onnxruntime to start
Key = tuple[int, int]  # tree, node


def regressor(build: Builder, node: Node, x: Tensor) -> Tensor:
    outputs = int(node.get("n_targets", 1))
    scores = _scores(build, node, x, "target", outputs)
    aggregate = str(node.get("aggregate_function", "SUM"))
    if aggregate == "AVERAGE":
        count = build.constant(float(len(set(node.get("nodes_treeids")))), "float32")
        scores = build.map("div", scores, count, kind="float32")
    elif aggregate != "SUM":
        raise NotCompilable(f"trees put together by {aggregate}")
    return posted(build, scores, str(node.get("post_transform", "NONE")))


def classifier(build: Builder, node: Node, x: Tensor) -> tuple[Tensor, Tensor]:
    """(label, probabilities), decided as onnxruntime decides: of two classes by the sign of the one score, or by one
    half where no leaf is below zero; of more by the largest."""
    labels, kind = class_labels(node, "classlabels_int64s", "classlabels_strings")
    transform = str(node.get("post_transform", "NONE"))
    if len(labels) > 2:
        scores = _scores(build, node, x, "class", len(labels))
        best = build.reduce("argmax", scores, 1, keep=False, kind="int")
        chosen = build.lookup(best, list(range(len(labels))), labels, labels[0], labels[0], kind)  # type: ignore[arg-type]
        return chosen, posted(build, scores, transform)
    if len(labels) != 2 or set(node.get("class_ids")) != {0}:
        raise NotCompilable("trees that score both of two classes")
    score = _scores(build, node, x, "class", 1)
    shares = min(node.get("class_weights")) >= 0
    bound = build.constant(0.5 if shares else 0.0, "float32")
    positive = build.map("gt", score, bound, kind="bool")
    chosen = build.map(
        "where", Tensor(positive.places.reshape(-1), "bool"), *(build.constant([one], kind) for one in labels[::-1]),  # type: ignore[arg-type]
        kind=kind,  # type: ignore[arg-type]
    )  # fmt: skip
    if shares:
        if transform != "NONE":
            raise NotCompilable(f"shares of trees transformed by {transform}")
        other = build.map("sub", build.constant(1.0, "float32"), score, kind="float32")
    else:
        other = build.map("neg", score, kind="float32")
    both = Tensor(np.concatenate([other.places, score.places], axis=1), "float32")
    if transform not in ("NONE", "LOGISTIC"):
        raise NotCompilable(f"two classes transformed by {transform}")
    return chosen, posted(build, both, transform)


def _scores(build: Builder, node: Node, x: Tensor, side: str, outputs: int) -> Tensor:
    """[1, outputs]: the sums over all trees."""
    if x.kind != "float32" or x.places.ndim != 2 or x.places.shape[0] != 1:
        raise NotCompilable(f"trees over {x.kind} of the shape {x.places.shape}")
    if any(name.endswith("_as_tensor") for name in node.attributes):
        raise NotCompilable("trees in float64")
    if len(node.get("nodes_modes")) > MAX_NODES:
        raise NotCompilable(f"trees of {len(node.get('nodes_modes')):,} nodes, over {MAX_NODES:,}")
    forest = _Forest(node, side, x.places.shape[1])
    base = list(node.get("base_values") or [0.0] * outputs)
    if len(base) != outputs:
        raise NotCompilable("trees with a base value for some outputs")
    tables = [table("i", forest.roots), table("i", forest.feature), table("f", forest.value), table("i", forest.left)]
    used = x.places.reshape(-1).copy()
    tables += [table("i", forest.right)]
    leaves = forest.leaves(outputs)
    found = build.step("trees", used, table("f", base), *tables, leaves, outputs=outputs, work=forest.work())
    return Tensor(found.reshape(1, -1), "float32")


@dataclass
class _Forest:
    """Columns of the table, filled in an order in which no node stands before its parents."""

    node: Node
    side: str
    width: int
    roots: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    added: list[list[tuple[int, float]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = _rows(self.node)
        weights = self._weights()
        first: dict[int, int] = {}
        for tree, number in rows:
            first.setdefault(tree, number)
        for tree, root in first.items():
            self._tree(tree, root, rows, weights)

    def _weights(self) -> dict[Key, list[tuple[int, float]]]:
        get, side = self.node.get, self.side
        found: dict[Key, list[tuple[int, float]]] = {}
        columns = (get(f"{side}_treeids"), get(f"{side}_nodeids"), get(f"{side}_ids"), get(f"{side}_weights"))
        for tree, number, target, weight in zip(*columns, strict=True):
            found.setdefault((tree, number), []).append((int(target), float(weight)))
        return found

    def _tree(self, tree: int, root: int, rows: dict[Key, _Row], weights: dict[Key, list[tuple[int, float]]]) -> None:
        """Nodes before what they lead to; a node reached from two places is written once."""
        order = list(_parents_first(tree, root, rows))
        places: dict[int, int] = {}
        place = len(self.feature)
        for number in order:
            places[number] = place
            place += 2 if rows[tree, number].mode in ("BRANCH_EQ", "BRANCH_NEQ") else 1
        self.roots.append(places[root])
        for number in order:
            row = rows[tree, number]
            if row.mode == "LEAF":
                self._append(-1, 0.0, len(self.added), 0)
                self.added.append(weights.get((tree, number), []))
            else:
                self._branch(row, places[row.left], places[row.right])

    def _branch(self, row: _Row, left: int, right: int) -> None:
        feature, negated = row.feature, row.feature + self.width
        if not 0 <= feature < self.width:
            raise NotCompilable("trees that ask for a feature that is not there")
        value, below = row.value, _below(row.value)
        minus, below_minus = -row.value, _below(-row.value)
        if row.mode in ("BRANCH_EQ", "BRANCH_NEQ"):
            if row.missing and row.mode == "BRANCH_EQ":
                raise NotCompilable("trees that take a missing value for a category")
            inside, outside = (left, right) if row.mode == "BRANCH_EQ" else (right, left)
            self._append(feature, value, len(self.feature) + 1, outside)
            self._append(negated, minus, inside, outside)
            return
        question = {
            # mode: (where NaN goes right, where NaN goes left), each (feature, value, is the true child the left one)
            "BRANCH_LEQ": ((feature, value, True), (negated, below_minus, False)),
            "BRANCH_LT": ((feature, below, True), (negated, minus, False)),
            "BRANCH_GT": ((negated, below_minus, True), (feature, value, False)),
            "BRANCH_GTE": ((negated, minus, True), (feature, below, False)),
        }.get(row.mode)
        if question is None:
            raise NotCompilable(f"trees that branch by {row.mode}")
        asked, bound, straight = question[row.missing]
        self._append(asked, bound, *((left, right) if straight else (right, left)))

    def _append(self, feature: int, value: float, left: int, right: int) -> None:
        self.feature.append(feature)
        self.value.append(value)
        self.left.append(left)
        self.right.append(right)

    def work(self) -> float:
        """Nodes that a row meets on its way, if every leaf of a tree were as likely as the others."""
        depth, total = [0] * len(self.feature), 0.0
        bounds = [*self.roots, len(self.feature)]
        for first, last in pairwise(bounds):
            met = []
            for n in range(first, last):
                if self.feature[n] < 0:
                    met.append(depth[n] + 1)
                else:
                    depth[self.left[n]] = depth[self.right[n]] = depth[n] + 1
            total += sum(met) / max(len(met), 1)
        return total

    def leaves(self, outputs: int) -> tuple[bytes, bytes, bytes]:
        """(targets, weights, spans) as `serving.steps` has them."""
        if outputs == 1 and all(len(one) <= 1 for one in self.added):
            return b"", table("f", (one[0][1] if one else 0.0 for one in self.added)), b""
        spans = np.cumsum([0, *(len(one) for one in self.added)])
        pairs = [pair for one in self.added for pair in one]
        return table("i", (p[0] for p in pairs)), table("f", (p[1] for p in pairs)), table("i", spans)


@dataclass(frozen=True)
class _Row:
    mode: str
    feature: int
    value: float
    left: int
    right: int
    missing: bool


def _rows(node: Node) -> dict[Key, _Row]:
    get = node.get
    count = len(get("nodes_modes"))
    names = ("treeids", "nodeids", "featureids", "truenodeids", "falsenodeids", "values")
    columns: list[Any] = [get(f"nodes_{name}") for name in names]
    missing = get("nodes_missing_value_tracks_true") or [0] * count
    rows = {}
    for mode, tree, number, feature, left, right, value, tracks in zip(
        get("nodes_modes"), *columns, missing, strict=True
    ):
        rows[tree, number] = _Row(
            mode.decode(), int(feature), float(np.float32(value)), int(left), int(right), bool(tracks)
        )
    return rows


def _parents_first(tree: int, root: int, rows: dict[Key, _Row]) -> Iterator[int]:
    """Every node that the root leads to, after all nodes that lead to it. NotCompilable for a circle."""
    done: list[int] = []
    state: dict[int, bool] = {}  # False: on the way, True: finished
    pending = [(root, False)]
    while pending:
        number, children_done = pending.pop()
        if children_done:
            state[number] = True
            done.append(number)
            continue
        if number in state:
            if not state[number]:
                raise NotCompilable("trees that lead back into themselves")
            continue
        if (tree, number) not in rows:
            raise NotCompilable("trees that lead to a node that is not there")
        state[number] = False
        pending.append((number, True))
        row = rows[tree, number]
        if row.mode != "LEAF":
            pending += [(child, False) for child in (row.right, row.left) if not state.get(child, False)]
    return reversed(done)


def _below(value: float) -> float:
    """The float32 just below."""
    return float(np.nextafter(np.float32(value), np.float32(-np.inf)))
