"""Starts are counted with a worker of their own each, in turn, and whatever does not answer is said."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from toolkit.execution import cold

APP = """
import os
import json, colorsys
SPENT = sum(i * i for i in range({work}))
def handler(event, context):
    return {{"statusCode": {status}, "body": json.dumps([event["n"], os.environ["TOLD"], os.getpid()])}}
"""

pytestmark = pytest.mark.slow


def bundle(folder: Path, *, work: int = 0, status: int = 200, code: str = APP) -> str:
    folder.mkdir()
    (folder / "app.py").write_text(code.format(work=work, status=status))
    return str(folder)


def request(roots: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"roots": roots, "environment": {"TOLD": "so"}, "event": {"n": 7}, "rounds": 2, **more}


def test_each_start_is_a_process_and_its_cpu_is_counted(tmp_path: Path) -> None:
    roots = {"busy": bundle(tmp_path / "busy", work=3_000_000), "idle": bundle(tmp_path / "idle")}
    found = cold.measure(request(roots, warm=3, environments={"idle": {"TOLD": "otherwise"}}))
    assert {name: (len(f["cpu"]), len(f["wall"]), len(f["warm"])) for name, f in found.items()} == {
        "busy": (2, 2, 3), "idle": (2, 2, 3),
    }  # fmt: skip
    assert min(found["busy"]["cpu"]) > max(found["idle"]["cpu"]) > 0
    answers = [json.loads(f["answer"]["body"]) for f in found.values()]
    assert [answer[:2] for answer in answers] == [[7, "so"], [7, "otherwise"]]
    assert answers[0][2] != answers[1][2]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (APP.replace("{status}", "503"), '"statusCode": 503'),
        ("raise ImportError('gone')", "gone"),
        ("handler = lambda event, context: 'text'", "text"),
    ],
)
def test_what_does_not_answer_is_named(code: str, says: str, tmp_path: Path) -> None:
    failed = cold.measure(request({"mine": bundle(tmp_path / "mine", code=code)}))["failed"]
    assert failed.startswith("mine: ")
    assert says in failed


def test_imports_are_those_of_the_first_answer_alone(tmp_path: Path) -> None:
    found = cold.imports(Path(bundle(tmp_path / "mine")), {"TOLD": "so"}, {"n": 7})
    names = [name for name, _ in found["times"]]
    assert {"app", "colorsys"} <= set(names)
    assert 2 <= found["modules"] < 60
    broken = cold.imports(Path(bundle(tmp_path / "broken", code="import nothing_of_that_name")), {}, {})
    assert "nothing_of_that_name" in broken["failed"]


def test_as_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = request({"mine": bundle(tmp_path / "mine")}, imports="mine", rounds=1)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asked)))
    cold.main()
    found = json.loads(capsys.readouterr().out)
    assert len(found["starts"]["mine"]["cpu"]) == 1
    assert found["imports"]["modules"] > 0
