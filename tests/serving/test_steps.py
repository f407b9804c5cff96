"""The interpreter of tables: onnxruntime's arithmetic, and nothing that a program could do beyond it."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.serving import steps
from toolkit.serving.steps import Unreadable, program


def run(memory: list[Any], *asked: Sequence[Any]) -> list[Any]:
    made, length = program(len(memory), asked)
    start = len(memory)
    for step in made:
        step(memory)
    assert len(memory) == length
    return memory[start:]


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def whole(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


@given(st.floats(width=32), st.floats(width=32))
def test_arithmetic_is_float32s(a: float, b: float) -> None:
    with np.errstate(all="ignore"):
        x, y = np.float32(a), np.float32(b)
        expected = [x + y, x - y, x * y, x / y]
    got = run([a, b], *(["map", name, True, [0], [1]] for name in ("add", "sub", "mul", "div")))
    assert np.array_equal(np.array(expected, dtype=np.float32), np.array(got, dtype=np.float32), equal_nan=True)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("exp", [1000.0], math.inf),
        ("log", [0.0], -math.inf),
        ("log", [-1.0], math.nan),
        ("pow", [0.0, -1.0], math.inf),
        ("pow", [1e300, 2.0], math.inf),
        ("pow", [-8.0, 0.5], math.nan),
        ("sqrt", [-1.0], math.nan),
        ("floor", [math.inf], math.inf),
        ("ceil", [math.nan], math.nan),
        ("logistic", [-1000.0], 0.0),
        ("max", [math.nan, 1.0], math.nan),
        ("min", [2.0, 1.0], 1.0),
        ("int", [math.nan], 0),
        ("int", [-2.7], -2),
        ("isnan", [math.nan], True),
        ("where", [False, 1.0, 2.0], 2.0),
        ("div", [0.0, 0.0], math.nan),
        ("div", [-1.0, 0.0], -math.inf),
        ("div", [1.0, -0.0], -math.inf),
    ],
)
def test_no_value_raises(name: str, values: list[float], expected: float) -> None:
    (got,) = run(list(values), ["map", name, False, *([place] for place in range(len(values)))])
    assert got == expected or (got != got and expected != expected)


def test_reductions_go_over_groups() -> None:
    memory = [3.0, 1.0, 2.0, 5.0, 5.0, 4.0]
    places = [0, 1, 2, 3, 4, 5]
    assert run(list(memory), ["reduce", "sum", True, 2, places]) == [6.0, 14.0]
    assert run(list(memory), ["reduce", "argmax", False, 2, places]) == [0, 0]  # of equals the first
    assert run(list(memory), ["reduce", "argmin", False, 2, places]) == [1, 2]
    assert run([math.nan, 1.0], ["reduce", "argmax", False, 1, [0, 1]]) == [0]


def test_a_lookup_knows_nothing_and_nobody() -> None:
    assert run(["b", "z", ""], ["lookup", [0, 1, 2], ["a", "b"], [1, 2], -1, -2]) == [2, -1, -1]
    assert run([2.0, 9.0, math.nan], ["lookup", [0, 1, 2], [2.0], [7.0], 0.0, 5.0]) == [7.0, 0.0, 5.0]


def test_linear_rounds_once() -> None:
    got = run([0.1, 0.2], ["linear", [1, 0], floats(1.0, 2.0, 3.0, 4.0), floats(0.0, 1.0)])
    assert got == list(array("f", [0.2 + 2 * 0.1, 1 + 3 * 0.2 + 4 * 0.1]))


def tree(**changes: Any) -> list[Any]:
    """x0 <= 1 ? 10 : (NaN of x1 goes left: -x1 <= -3 ? right : left) 20 or 30."""
    parts = {
        "places": [0, 1],
        "base": floats(0.5),
        "roots": whole(0),
        "feature": whole(0, -1, 3, -1, -1),
        "value": floats(1.0, 0.0, -3.0, 0.0, 0.0),
        "left": whole(1, 0, 4, 1, 2),
        "right": whole(2, 0, 3, 0, 0),
        "leaves": [b"", floats(10.0, 20.0, 30.0), b""],
    } | changes
    return ["trees", *parts.values()]


@pytest.mark.parametrize(
    ("row", "sum_"),
    [
        ([1.0, 0.0], 10.5),
        ([1.0000001192092896, 0.0], 20.5),
        ([math.nan, 0.0], 20.5),  # NaN goes right
        ([2.0, 3.0], 30.5),
        ([2.0, 2.9999998], 20.5),
        ([2.0, math.nan], 20.5),  # and left where the question is about -x
    ],
)
def test_a_tree_walks_to_its_leaf(row: list[float], sum_: float) -> None:
    assert run(list(row), tree()) == [sum_]
    spread = [whole(0, 0, 0), floats(10.0, 20.0, 30.0), whole(0, 1, 2, 3)]
    assert run(list(row), tree(leaves=spread)) == [sum_]
    two = [whole(0, 1, 1, 1), floats(10.0, 1.0, 20.0, 30.0), whole(0, 2, 3, 4)]
    first = 10.0 if sum_ == 10.5 else 0.0
    assert run(list(row), tree(base=floats(0.0, 0.5), leaves=two))[0] == first


@pytest.mark.parametrize(
    "step",
    [
        ["eval", "1"],
        ["map", "system", False, [0]],
        ["map", "__import__", False, [0]],
        ["map", "neg", False, [9]],
        ["map", "neg", False, [-1]],
        ["map", "neg", False, []],
        ["map", "neg", False, [True]],
        ["map", "add", False, [0], [0, 1]],
        ["reduce", "sum", True, 0, [0]],
        ["reduce", "sum", True, 2, [0, 1, 0]],
        ["lookup", [0], ["a"], [1, 2], 0, 0],
        ["lookup", [0], [[]], [1], 0, 0],
        ["linear", [0, 1], floats(1.0), floats(1.0)],
        ["linear", [0], b"abc", b""],
        [],
        7,
        tree(roots=whole(9)),
        tree(roots=whole(-1)),
        tree(feature=whole(0, -1, 4, -1, -1)),
        tree(left=whole(0, 0, 4, 1, 2)),
        tree(right=whole(9, 0, 3, 0, 0)),
        tree(left=whole(1, 3, 4, 1, 2)),
        tree(value=floats(1.0)),
        tree(leaves=[whole(0), floats(10.0, 20.0, 30.0), whole(0, 1, 2, 3)]),
        tree(leaves=[whole(0, 0, 5), floats(10.0, 20.0, 30.0), whole(0, 1, 2, 3)]),
        tree(leaves=[whole(0, 0, 0), floats(10.0, 20.0, 30.0), whole(0, 1, 2, 9)]),
        tree(leaves=[whole(0, 0, 0), floats(10.0, 20.0, 30.0), whole(0, -2, 2, 3)]),
        tree(base=floats(0.0, 0.0)),
    ],
)
def test_a_program_that_does_not_fit_is_not_read(step: Any) -> None:
    with pytest.raises(Unreadable):
        program(2, [step])


def test_it_needs_the_standard_library_alone() -> None:
    """The file by itself, as the floor of a measurement has it."""
    code = f"import runpy, sys; runpy.run_path({str(Path(steps.__file__))!r}); print('msgspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
