"""One error path: text or document, hint, exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import Shell
from toolkit.cli import main as entry
from toolkit.cli.common import number, table
from toolkit.cli.progress import Terminal


def test_an_error_names_the_next_command(tmp_path: Path, shell: Shell) -> None:
    done = shell.run("status", tmp_path)
    assert done.code == 2
    assert done.err.startswith("error: no toolkit.toml")
    assert " next: toolkit init" in done.err
    assert done.out == ""


def test_an_error_is_a_document_with_json(tmp_path: Path, shell: Shell) -> None:
    done = shell.run("status --json", tmp_path)
    document = json.loads(done.out)
    assert (done.code, document["ok"], document["error"]["code"]) == (2, False, "ConfigError")


@pytest.mark.parametrize(("error", "code"), [(OSError(28, "No space left on device"), 7), (KeyboardInterrupt(), 130)])
def test_what_is_not_ours_has_a_code_too(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: Shell
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("toolkit.cli.root.root.main", fail)
    done = shell.run("version", tmp_path)
    assert done.code == code
    assert "Traceback" not in done.err


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("toolkit.cli.root.root.main", fail)
    with pytest.raises(ZeroDivisionError):
        entry(["version"])


def test_version_prints_one_document(tmp_path: Path, shell: Shell) -> None:
    assert shell.ok("version --json", tmp_path).data["version"]


def test_a_table_aligns_numbers_to_the_right() -> None:
    assert table(("name", "n"), [("a", 1), ("bb", 10)]) == "NAME   N\na      1\nbb    10"


@pytest.mark.parametrize(("value", "said"), [(0.5, "0.5"), (1.0, "1"), (0.123456, "0.1235"), (2.5e7, "2.5e+07")])
def test_numbers_are_short(value: float, said: str) -> None:
    assert number(value) == said


def test_progress_without_a_terminal_is_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.cli.progress.EVERY", 0.0)
    with Terminal().track("rows", 10) as advance:
        advance(4)
        advance(6)
    said = capsys.readouterr().err
    assert "rows: 4 of 10" in said
    assert "\x1b" not in said
