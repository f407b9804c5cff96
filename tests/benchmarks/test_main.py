from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import benchmarks.__main__ as bench
from tests.house import readme

BEFORE = """# A project
<!-- generated: figures -->
### `judge`

old

### `serving`

kept
<!-- end: figures -->
after
"""
GOOD = {"rows": [{"name": "a", "value": 1.0, "unit": "s"}], "ratios": {"a_over_b": 2.0}}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A README, and benchmarks of which `judge` prints a document and the others fail."""
    found = tmp_path / "README.md"
    found.write_text(BEFORE)

    def command(name: str, *flags: str) -> list[str]:
        return [sys.executable, "-c", f"print({json.dumps(GOOD)!r})" if name == "judge" else "raise SystemExit(1)"]

    monkeypatch.setattr(readme, "README", found)
    monkeypatch.setattr(bench, "_command", command)
    return found


@pytest.mark.slow
def test_only_the_figures_of_what_was_measured_change(page: Path) -> None:
    assert bench.main(["judge", "--readme"]) == 0
    text = page.read_text()
    assert "old" not in text
    assert "| a | 1 s |" in text
    assert "| a_over_b | 2x |  |" in text
    assert text.index("### `judge`") < text.index("### `serving`\n\nkept")
    assert text.endswith("after\n")


@pytest.mark.slow
def test_one_that_fails_does_not_take_the_others_down(page: Path) -> None:
    assert bench.main(["drift", "judge", "--readme"]) == 1
    text = page.read_text()
    assert text.index("### `drift`") < text.index("It failed") < text.index("| a | 1 s |")


@pytest.mark.slow
def test_all_as_one_document(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["judge", "drift", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["judge"] == {**GOOD, "seconds": found["judge"]["seconds"]}
    assert found["drift"]["rows"] == []
    assert page.read_text() == BEFORE


def test_a_benchmark_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["nothing"]) == 2
    assert "there are" in capsys.readouterr().err
