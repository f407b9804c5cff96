"""Tree ensembles as sklearn, LightGBM and XGBoost really evaluate them, corrected while the converters write them.

The converters are skl2onnx's and onnxmltools'; what they get wrong on tabular data, and is put right here (each line is
a test that fails without it):

- forests and decision trees: where a missing value goes is dropped, so that NaN always goes right;
- HistGradientBoosting: categorical splits are written as if they were numeric;
- HistGradientBoosting and LightGBM: thresholds are float64 and are rounded to the nearest float32. A value of the data
  that lies just above the threshold can then fall on its other side. Features are float32 (`domain.wire`), so
  rounding *down* to the last float32 at or below the threshold is exact: x <= t and x <= floor32(t) agree.

A converter writes nodes through its container, so the correction is a container that edits tree nodes as they pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """One inner node of a fitted tree: the corrections for it. `categories`: go left if the value is one of them."""

    threshold: float | None = None
    missing_left: bool = False
    feature: int | None = None
    categories: tuple[float, ...] | None = None
    other_left: bool = False  # with `categories`: they go right and every other value left


class Correcting:
    """A container that passes everything on, tree ensembles after `correct` has edited their attributes."""

    def __init__(self, container: Any, correct: Callable[[Attributes], Attributes]) -> None:
        self._container = container
        self._correct = correct

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> None:
        if op_type.startswith("TreeEnsemble"):
            attributes = self._correct(attributes)
        self._container.add_node(op_type, inputs, outputs, **attributes)


def floor32(values: Any) -> Any:
    """The largest float32 at or below each float64, as float32."""
    import numpy as np

    exact = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        near = exact.astype(np.float32)
    return np.where(near.astype(np.float64) > exact, np.nextafter(near, np.float32(-np.inf)), near)


def floor_thresholds(attributes: Attributes) -> Attributes:
    """Every `x <= t` split with t rounded down; other kinds of split and leaves are left alone."""
    import numpy as np

    leq = np.asarray([mode == "BRANCH_LEQ" for mode in attributes["nodes_modes"]])
    values = np.asarray(attributes["nodes_values"], dtype=np.float64)
    return {**attributes, "nodes_values": np.where(leq, floor32(values), values.astype(np.float32))}


def rewrite(attributes: Attributes, trees: list[dict[int, Split]]) -> Attributes:
    """`attributes` with each inner node replaced by what `trees[tree][node]` says of it."""
    import numpy as np

    nodes = [name for name in attributes if name.startswith("nodes_")]
    written: dict[str, list[Any]] = {name: [] for name in nodes}
    spare = _spare_ids(attributes)
    for row in _rows(attributes, nodes):
        split = trees[row["nodes_treeids"]].get(row["nodes_nodeids"])
        for node in [row] if split is None or row["nodes_modes"] == "LEAF" else _expand(row, split, spare):
            for name in nodes:
                written[name].append(node[name])
    values = np.asarray(written["nodes_values"], dtype=np.float32)
    missing = [int(flag) for flag in written["nodes_missing_value_tracks_true"]]
    return {**attributes, **written, "nodes_values": values, "nodes_missing_value_tracks_true": missing}


def _rows(attributes: Attributes, nodes: list[str]) -> Iterator[dict[str, Any]]:
    for values in zip(*(attributes[name] for name in nodes), strict=True):
        yield dict(zip(nodes, values, strict=True))


def _spare_ids(attributes: Attributes) -> dict[int, int]:
    """The first free node number of each tree."""
    spare: dict[int, int] = {}
    for tree, node in zip(attributes["nodes_treeids"], attributes["nodes_nodeids"], strict=True):
        spare[tree] = max(spare.get(tree, 0), node + 1)
    return spare


def _expand(row: dict[str, Any], split: Split, spare: dict[int, int]) -> Iterator[dict[str, Any]]:
    """One numeric split, or a chain of `x == category` that all lead to one child.

    NaN equals nothing and so falls through the chain, like a category nobody has seen: both take the other child.
    """
    row = {**row, "nodes_missing_value_tracks_true": split.missing_left}
    if split.feature is not None:
        row["nodes_featureids"] = split.feature
    if split.categories is None:
        if split.threshold is not None:
            row["nodes_values"] = float(floor32(split.threshold))
        yield row
        return
    left, right = row["nodes_truenodeids"], row["nodes_falsenodeids"]
    inside, outside = (right, left) if split.other_left else (left, right)
    chain = split.categories or (float("nan"),)  # no category at all: everything falls through
    number = row["nodes_nodeids"]
    for place, category in enumerate(chain):
        following = outside
        if place + 1 < len(chain):
            following = spare[row["nodes_treeids"]]
            spare[row["nodes_treeids"]] += 1
        yield {
            **row,
            "nodes_nodeids": number,
            "nodes_modes": "BRANCH_EQ",
            "nodes_values": category,
            "nodes_truenodeids": inside,
            "nodes_falsenodeids": following,
            "nodes_missing_value_tracks_true": False,
        }
        number = following


def sklearn_splits(tree: Any) -> dict[int, Split]:
    """The inner nodes of a `sklearn.tree` tree: NaN goes where training sent it, or to the larger child."""
    inner = (tree.children_left != -1).nonzero()[0]
    missing = tree.missing_go_to_left
    return {int(node): Split(missing_left=bool(missing[node])) for node in inner}


def hist_splits(predictor: Any, columns: list[int], codes: dict[int, list[float]]) -> dict[int, Split]:
    """The inner nodes of one HistGradientBoosting tree.

    `columns[k]` is the input column of the tree's feature k; `codes[k]` the values of its categories in the order of
    their codes, for the features that are categorical.
    """
    return {
        number: _hist_split(predictor, node, columns, codes)
        for number, node in enumerate(predictor.nodes)
        if not node["is_leaf"]
    }


def _hist_split(predictor: Any, node: Any, columns: list[int], codes: dict[int, list[float]]) -> Split:
    feature, missing_left = int(node["feature_idx"]), bool(node["missing_go_to_left"])
    if not node["is_categorical"]:
        threshold = float(node["num_threshold"])
        return Split(threshold=threshold, missing_left=missing_left, feature=columns[feature])
    left = set(_members(predictor.raw_left_cat_bitsets[int(node["bitset_idx"])]))
    # what nobody has seen goes where NaN goes, so the chain lists the categories of the other side
    listed = [value for code, value in enumerate(codes[feature]) if (code in left) is not missing_left]
    return Split(feature=columns[feature], categories=tuple(listed), other_left=missing_left)


def _members(bitset: Any) -> Iterator[int]:
    for word_number, word in enumerate(bitset):
        for bit in range(32):
            if int(word) >> bit & 1:
                yield 32 * word_number + bit
