"""POST /explain: why the model answered so. For each row, what every feature added to the answer, up or down.

    exact     linear models and tree ensembles, by their compiled program (`attribution`), which has to come to the very
              answer that is served
    sampled   every other model, and a row of the others that would take too long (`sampling`); the answer says which

The parts of a row sum to `value` - `base`; `base` is the average answer of the background, the test rows that the model
carries (`sample`). `space` says of what: the served value or probability itself, or, where a link bends it, the scale
on which a model adds up (log-odds, log, score). Of two classes the second is explained, of more the predicted one.

Imported by the first request, which also prepares the model (once). Nothing is captured: an explanation is not a
prediction. One explanation at a time, in a thread, so that predictions go on; the next caller meanwhile is told to come
back (503). A request that takes longer than `explain_seconds` is given up (503) and says how many rows are too many.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from toolkit.domain.errors import Corrupt
from toolkit.serving import sampling
from toolkit.serving.attribution import ROLE, Attribution, Exact, NotExact, Row
from toolkit.serving.problems import Problem
from toolkit.serving.routing import Answer, Request
from toolkit.serving.rows import Batch
from toolkit.serving.shapley import TooSlow
from toolkit.serving.validate import Validator

if TYPE_CHECKING:
    from toolkit.serving.app import App
    from toolkit.serving.model import Model, Prediction

SAMPLE = "sample"


class Explainer:
    """Made once a model. Raises Problem 501 where the model carries no rows to compare with."""

    def __init__(self, app: App) -> None:
        self._model: Model = app.model
        self._items = app.items
        limits = msgspec.structs.replace(app.limits, max_rows=min(app.limits.max_rows, app.limits.explain_rows))
        self.validator = Validator(app.model.signature, limits)
        self._seconds = limits.explain_seconds
        self._several = len(app.model.signature.classes) > 2
        self._background = _background(self._model, app)
        self._exact = self._prepared()

    def answer(self, batch: Batch) -> dict[str, Any]:
        """The document of the answer. Problem 503 past the time."""
        started = time.perf_counter()
        rows = _rows(batch)
        prediction = self._model.answer(batch.columns, batch.rows)
        explained = []
        try:
            for row, item in zip(rows, self._items("", prediction), strict=True):
                explained.append(self._row(row, {k: v for k, v in item.items() if k != "id"}, started + self._seconds))
        except TooSlow:
            raise self._too_slow(len(explained)) from None
        return {"background": len(self._background), "explanations": explained}

    def _row(self, row: Row, item: dict[str, Any], deadline: float) -> dict[str, Any]:
        classes = self._model.signature.classes
        number = 0 if not classes else classes.index(item["label"]) if self._several else 1
        served = list(item["probabilities"].values())[number] if classes else item["value"]
        found, method, space = self._attributed(row, number, served, deadline)
        names = [feature.name for feature in self._model.signature.features]
        return {
            "prediction": item,
            **({"explained": classes[number]} if classes else {}),
            "method": method,
            "space": space,
            "value": found.value,
            "base": found.base,
            "contributions": dict(zip(names, found.parts, strict=True)),
        }

    def _attributed(self, row: Row, number: int, served: float, deadline: float) -> tuple[Attribution, str, str]:
        own = "probability" if self._model.signature.classes else "value"
        if self._exact is not None:
            half = time.perf_counter() + (deadline - time.perf_counter()) / 2
            try:
                found, space = self._exact.explain(row, number, half), self._exact.link.space
                if self._exact.agrees(found, number, served):
                    return found, "exact", own if space == "line" else space
            except TooSlow:
                pass  # the other half is for sampling

        def ask(rows: Sequence[Row]) -> list[float]:
            return [scores[number] for scores in _scores(self._model, rows)]

        return sampling.explain(ask, row, self._background, deadline), "sampled", own

    def _prepared(self) -> Exact | None:
        program = self._model.files.get(ROLE)
        if program is None:
            return None
        try:
            served = _scores(self._model, self._background)
            return Exact(program, self._model.signature, self._background, served)
        except NotExact:
            return None

    def _too_slow(self, done: int) -> Problem:
        detail = f"{done} rows were explained in {self._seconds:g} s; send {'at most that many' if done else 'one row'}"
        return Problem(503, "explain-too-slow", detail, headers=((b"retry-after", b"1"),))


class Explaining:
    """The route: one explanation at a time."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._busy = threading.Lock()
        self._explainer: Explainer | None = None

    async def __call__(self, request: Request) -> Answer:
        app = self._app
        body = await request.body.read(request.headers)
        if not self._busy.acquire(blocking=False):
            detail = "another explanation is being made; one is made at a time"
            raise Problem(503, "explain-busy", detail, headers=((b"retry-after", b"1"),))
        return Answer(200, app.encode(await asyncio.to_thread(self._work, body)))

    def _work(self, body: bytes) -> dict[str, Any]:
        try:
            if self._explainer is None:
                self._explainer = Explainer(self._app)
            batch = self._explainer.validator.batch(body)
            head = {"model": self._app.model.name, "version": self._app.info.version}
            return {**head, **self._explainer.answer(batch)}
        finally:
            self._busy.release()


def _background(model: Model, app: App) -> list[Row]:
    data = model.files.get(SAMPLE)
    if data is None:
        raise Problem(501, "no-background", "this model carries no rows to compare with; train and deploy it again")
    limits = msgspec.structs.replace(app.limits, max_rows=10_000, max_body=len(data))
    try:
        return _rows(Validator(model.signature, limits).batch(data))
    except Problem as problem:
        raise Corrupt(f"the model's own sample does not fit it: {problem.detail}") from problem


def _rows(batch: Batch) -> list[Row]:
    return [tuple(row) for row in zip(*batch.columns, strict=True)]


def _scores(model: Model, rows: Sequence[Row]) -> list[list[float]]:
    found: Prediction = model.answer([list(column) for column in zip(*rows, strict=True)], len(rows))
    return list(found.probabilities) or [[value] for value in found.values]
