from __future__ import annotations

import pytest

from toolkit.domain import jobs


@pytest.mark.parametrize(
    ("environ", "index"),
    [
        ({}, None),
        ({"TOOLKIT_INDEX": "3"}, 3),
        ({"TOOLKIT_INDEX_FROM": "THEIRS", "THEIRS": "4"}, 4),
        ({"TOOLKIT_INDEX_FROM": "THEIRS"}, None),
        ({"TOOLKIT_INDEX_FROM": "THEIRS", "THEIRS": "4", "TOOLKIT_INDEX": "0"}, 0),
        ({"TOOLKIT_INDEX": "x"}, None),
    ],
)
def test_the_number_in_an_array_job(environ: dict[str, str], index: int | None) -> None:
    assert jobs.index(environ) == index


def test_who_executes() -> None:
    assert jobs.execution({}) == ""
    assert jobs.execution({"TOOLKIT_EXECUTION_FROM": "THEIRS", "THEIRS": "job:0"}) == "job:0"
    assert jobs.execution({"TOOLKIT_EXECUTION": "mine", "TOOLKIT_EXECUTION_FROM": "THEIRS", "THEIRS": "a"}) == "mine"
