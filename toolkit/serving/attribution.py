"""Exact contributions of a linear model or a tree ensemble, per raw feature, from its compiled program.

They are Shapley values against background rows: what a feature adds to the answer on average over every order in which
the features of the row could replace those of a background row (interventional, as in `shap` with a background). They
sum to the row's answer minus the average answer of the background.

The players are the features that a client sends. A column that preprocessing made belongs to the one feature it was
made from, which the program itself says: every step names the cells it reads, so what a cell depends on is followed
from the inputs on. Twenty columns of a one-hot are one player, not twenty that could be switched on together.

    head   the steps before the core: imputing, scaling, encoding; each cell from one feature, or it is not exact
    core   the one `trees` or `linear` step through which all the answers go
    tail   the steps after it: a link (logistic, softmax, exp) or nothing that is not a line

The numbers themselves are in `shapley`. Standard library only.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from toolkit.domain import wire
from toolkit.domain.records import Signature
from toolkit.serving import shapley, steps
from toolkit.serving.compiled import Program

Row = Sequence[Any]
ROLE = "explain"  # of the program among the model's files
TOLERANCE = 1e-4  # of what the program says and what is served; both compute in float32


class NotExact(Exception):
    """This model has no exact contributions here; the text says why."""


class Attribution(NamedTuple):
    """`value` = `base` + sum of `parts`, a number a feature in the signature's order."""

    value: float
    base: float
    parts: list[float]


class Link(NamedTuple):
    """`space`: what the contributions are of. `core`: for answer k, the weight of each output of the core."""

    space: str
    core: list[list[float]]
    offset: list[float]


class Exact:
    """Explains rows of the wire against `background`. Raises NotExact. `seen` are the served answers (`scores` of each
    background row: probabilities, or one value), which the program has to have as well."""

    def __init__(self, data: bytes, signature: Signature, background: Sequence[Row], seen: Sequence[Row]) -> None:
        program = compiled_program(data)
        self._order = order(signature)
        self._start = len(program.constants) + len(self._order)
        self._constants = list(program.constants)
        self._scores = program.scores
        number, self._owners = core(program, self._order)
        try:
            self._head, self._first = steps.program(self._start, program.steps[:number])
            whole, _ = steps.program(self._start, program.steps[: number + 1])
            everything, _ = steps.program(self._start, program.steps)
        except steps.Unreadable as error:
            raise NotExact(f"the program cannot be read: {error}") from error
        self._core, self._tail = whole[-1], everything[number + 1 :]
        step = program.steps[number]
        self._places = step[1]
        self._width = len(self._core_of([*self._cells(background[0])]))
        heads = [self._cells(row) for row in background]
        cores = [self._core_of(memory) for memory in heads]
        self.link = self._linked(heads, cores, seen)
        inputs = [self._inputs(memory) for memory in heads]
        kind = shapley.Trees if step[0] == "trees" else shapley.Linear
        self._model = kind(step, self._owners, inputs, len(self._order))

    def explain(self, row: Row, answer: int, deadline: float = math.inf) -> Attribution:
        """Of one row, for the `answer`-th of the scores. Raises TooSlow."""
        weights, offset = self.link.core[answer], self.link.offset[answer]
        base, parts = self._model.parts(self._inputs(self._cells(row)), weights, deadline)
        base += offset
        return Attribution(base + math.fsum(parts), base, parts)

    def agrees(self, found: Attribution, answer: int, served: float) -> bool:
        """Whether what was explained is what was served. A link of several scores at once is not looked into."""
        score = _LINKS.get(self.link.space)
        return score is None or _near(score(found.value), served)

    def _cells(self, row: Row) -> list[Any]:
        memory = [*self._constants, *(_wired(row[i], kind) for i, kind in self._order)]
        for step in self._head:
            step(memory)
        return memory

    def _inputs(self, memory: list[Any]) -> list[float]:
        return [memory[place] for place in self._places]

    def _core_of(self, memory: list[Any]) -> list[float]:
        self._core(memory)
        return memory[self._first :]

    def _answers(self, memory: list[Any], values: Sequence[float]) -> list[float]:
        whole = [*memory[: self._first], *array("f", values)]
        for step in self._tail:
            step(whole)
        return [whole[place] for place in self._scores]

    def _linked(self, heads: list[list[Any]], cores: list[list[float]], seen: Sequence[Row]) -> Link:
        """How the answers follow from the core, found by trying it on the background and on what was served for it."""
        answers = [self._answers(memory, values) for memory, values in zip(heads, cores, strict=True)]
        pairs = [pair for both in zip(answers, seen, strict=True) for pair in zip(*both, strict=True)]
        if not all(_near(a, b) for a, b in pairs):
            raise NotExact("the program does not answer what is served")
        zero = self._answers(heads[0], [0.0] * self._width)
        units = [self._answers(heads[0], [float(i == k) for i in range(self._width)]) for k in range(self._width)]
        jacobian = [[unit[a] - zero[a] for unit in units] for a in range(len(zero))]
        line = Link("line", jacobian, zero)
        if all(
            _near(zero[a] + math.fsum(map(float.__mul__, jacobian[a], values)), found[a])
            for values, found in zip(cores, answers, strict=True)
            for a in range(len(zero))
        ):
            return line
        return _curved(cores, answers)


def compiled_program(data: bytes) -> Program:
    try:
        return msgspec.msgpack.decode(data, type=Program)
    except msgspec.MsgspecError as error:
        raise NotExact(f"the program cannot be read: {error}") from error


def core(program: Program, order: Sequence[tuple[int, str]]) -> tuple[int, list[int]]:
    """(number of the step, the feature that each of its inputs is made from, -1 for none). Raises NotExact."""
    for number, step in enumerate(program.steps):
        if step[0] not in ("trees", "linear"):
            continue
        mask = 1 << len(order)  # stands for "through this step"
        cells = _dependencies(program, order, number, mask)
        inputs = [cells[place] for place in step[1]]
        if all(bits & (bits - 1) == 0 and bits < mask for bits in inputs) and all(
            cells[place] in (0, mask) for place in program.scores
        ):
            return number, [bits.bit_length() - 1 for bits in inputs]
    raise NotExact("its answers do not come from one linear or tree step over columns of one feature each")


def _dependencies(program: Program, order: Sequence[tuple[int, str]], core: int, mask: int) -> list[int]:
    """For each cell of the memory, a bit for each feature that it is made from; `mask` for what the core gave."""
    cells = [0] * len(program.constants) + [1 << feature for feature, _ in order]
    for number, (name, *arguments) in enumerate(program.steps):
        if name == "map":
            _, _, *operands = arguments
            made = [_union(cells, places) for places in zip(*operands, strict=True)]
        elif name == "reduce":
            _, _, groups, places = arguments
            size = len(places) // groups
            made = [_union(cells, places[k * size : (k + 1) * size]) for k in range(groups)]
        elif name == "lookup":
            made = [cells[place] for place in arguments[0]]
        elif name in ("linear", "trees"):
            outputs = len(arguments[2] if name == "linear" else arguments[1]) // 4  # bias or base, in float32
            made = [mask if number == core else _union(cells, arguments[0])] * outputs
        else:
            raise NotExact(f"the step {name!r} is not one that can be followed")
        cells += made
    return cells


def _union(cells: Sequence[int], places: Sequence[int]) -> int:
    found = 0
    for place in places:
        found |= cells[place]
    return found


def _curved(cores: list[list[float]], answers: list[list[float]]) -> Link:
    """A link that bends. The contributions are then of the core's own scale, where they add up."""
    width = len(cores[0])
    one = [[float(i == k) for i in range(width)] for k in range(width)]
    pairs = list(zip(cores, answers, strict=True))
    if len(answers[0]) == 2 and all(_near(_logistic(c[-1]), a[1]) for c, a in pairs):
        return Link("log-odds", [[-w for w in one[-1]], one[-1]], [0.0, 0.0])
    if len(answers[0]) == 1 == width and all(_near(_exp(c[0]), a[0]) for c, a in pairs):
        return Link("log", one, [0.0])
    if len(answers[0]) == width:
        return Link("score", one, [0.0] * width)
    raise NotExact("how its answers follow from its scores is not known")


def order(signature: Signature) -> list[tuple[int, str]]:
    """(feature, kind) in the order of the memory: numbers first, then texts."""
    kinds = [wire.kind(feature.dtype) for feature in signature.features]
    return [(i, k) for want in ("number", "text") for i, k in enumerate(kinds) if k == want]


def _wired(value: Any, kind: str) -> Any:
    if kind == "text":
        return wire.NULL_TEXT if value is None else value
    return wire.NULL_NUMBER if value is None else wire.float32(float(value))


def _near(a: float, b: float) -> bool:
    return a == b or abs(a - b) <= TOLERANCE * max(1.0, abs(a), abs(b))


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + _exp(-x))


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


_LINKS: dict[str, Callable[[float], float]] = {"line": float, "log-odds": _logistic, "log": _exp}
