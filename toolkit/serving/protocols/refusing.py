"""What the error shapes of the protocols have in common: one status for a bad request, one sentence that names it."""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.serving.problems import Problem, shown
from toolkit.serving.routing import JSON, Answer


def status(problem: Problem) -> int:
    """These protocols know no 422: what does not fit the model is a bad request."""
    return 400 if problem.status == 422 else problem.status


def sentence(problem: Problem) -> str:
    """The first finding with its row and field, and how many more there are. Always encodable."""
    more = len(problem.findings) - 1
    return shown(problem.detail, 1000) + (f" (and {more} more)" if more > 0 else "")


def answer(problem: Problem, document: Any) -> Answer:
    return Answer(status(problem), msgspec.json.encode(document), JSON, tuple(problem.headers))
