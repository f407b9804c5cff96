"""A job that was handed no packages fetches them by digest and begins again in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.execution.test_environments import requirement, wheel
from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain.jobs import REQUIREMENTS
from toolkit.entry import job
from toolkit.lifecycle.runtime import runtime
from toolkit.state.blobs import Blobs


class Became(Exception):
    """Instead of os.execve, which does not return."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    return make_shop(tmp_path)


def told(shop: Shop, requirements: str) -> dict[str, str]:
    digest = Blobs(shop.ctx.store).put(requirements.encode())
    return {**runtime(shop.ctx, values={"step": "fit", "run": "r"}), REQUIREMENTS: digest, "KEPT": "1"}


@pytest.mark.slow
def test_it_becomes_the_same_job_with_its_packages(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    became: list[tuple[str, list[str], dict[str, str]]] = []

    def execve(python: str, argv: list[str], environ: dict[str, str]) -> None:
        became.append((python, argv, environ))
        raise Became

    monkeypatch.setattr(os, "execve", execve)
    with pytest.raises(Became):
        job.main(told(shop, requirement(wheel(tmp_path / "wheels", "tinything", "1.0", "VALUE = 42\n"))))
    ((python, argv, environ),) = became
    assert argv == [python, "-m", "toolkit.entry.job"]
    assert REQUIREMENTS not in environ, "or it would begin again for ever"
    assert environ["KEPT"] == "1"
    code = "import tinything, toolkit; print(tinything.VALUE)"
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout == "42\n"
    assert python != sys.executable
    assert "installing the locked requirements" in capsys.readouterr().out


@pytest.mark.slow
def test_what_cannot_be_installed_is_said_and_is_an_exit_code(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.main(told(shop, "no-such-package-anywhere==1.0\n")) == 2
    assert "could not be installed" in capsys.readouterr().err


def test_a_digest_that_the_store_does_not_have(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.main({**told(shop, "x"), REQUIREMENTS: "0" * 64}) == 4
    assert "error: " in capsys.readouterr().err
