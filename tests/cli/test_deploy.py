"""How a version goes out: what is typed becomes stages of traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import Shell
from toolkit.domain.errors import NotFound
from toolkit.lifecycle import launch


@pytest.mark.parametrize(
    ("typed", "stages", "more"),
    [
        ("--canary 10%", (0.1, 1.0), {}),
        ("--canary 5%,25%,100% --bake 10m", (0.05, 0.25, 1.0), {"bake": "10m"}),
        ("--blue-green", (1.0,), {}),
        ("--shadow", (1.0,), {"shadowed": True}),
        ("--shadow --canary 30%", (0.3, 1.0), {"shadowed": True}),
    ],
)
def test_words_become_stages(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, stages: Any, more: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {}

    def run(ctx: object, version: object, **given: Any) -> None:
        asked.update(given)
        raise NotFound("enough")

    monkeypatch.setattr(launch, "run", run)
    (tmp_path / "toolkit.toml").write_text('[project]\nname = "shop"\n')
    assert shell.run(f"deploy {typed} --yes", tmp_path).code == 4
    assert asked.pop("shares") == pytest.approx(stages)
    assert asked == {"shadowed": False, "bake": "", **more}


@pytest.mark.parametrize(
    "typed", ["--canary 10% --blue-green", "--bake 10m", "--canary 120%", "--canary 10% --bake soon"]
)
def test_what_makes_no_sense_together_is_a_mistake_of_usage(shell: Shell, tmp_path: Path, typed: str) -> None:
    (tmp_path / "toolkit.toml").write_text('[project]\nname = "shop"\n')
    assert shell.run(f"deploy {typed} --yes", tmp_path).code == 2
