from __future__ import annotations

import sys
from pathlib import Path

import pytest

from toolkit.domain.errors import ConfigError, MissingExtra, Unavailable
from toolkit.packaging import uv

DRAWN = """\
Using CPython 3.11.7 interpreter at: /usr/bin/python
  × No solution found when resolving dependencies:
  ╰─▶ Because there is no version of numpy==99 and you require numpy==99,
      we can conclude that your requirements are unsatisfiable.
"""
PLAIN = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of numpy==99
"""


def test_its_reason_on_one_line() -> None:
    assert uv.short(PLAIN) == (
        "No solution found when resolving dependencies: Because there is no version of numpy==99"
    )
    assert uv.short(DRAWN).startswith("No solution found when resolving dependencies: Because there is no version")
    assert "╰" not in uv.short(DRAWN)
    assert len(uv.short("error: " + "long " * 1000)) == 600


def test_without_it_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    with pytest.raises(MissingExtra) as caught:
        uv.find()
    assert caught.value.hint == "pip install 'driftloop[build]'"


@pytest.mark.slow
def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert uv.run(["--version"], cwd=tmp_path, doing="asking").startswith("uv ")
    with pytest.raises(ConfigError, match=r"asking: .*nonsense") as caught:
        uv.run(["nonsense"], cwd=tmp_path, doing="asking", hint="do that")
    assert caught.value.hint == "do that"


@pytest.mark.slow
def test_an_index_that_does_not_answer_is_not_the_users_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    (tmp_path / "r.in").write_text("alpha\n")
    command = ["pip", "compile", "r.in", "--index-url", "http://127.0.0.1:9/simple"]
    with pytest.raises(Unavailable, match="locking: the package index did not answer"):
        uv.run(command, cwd=tmp_path, doing="locking")
