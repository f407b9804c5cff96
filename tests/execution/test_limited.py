"""A module with a time limit: its own end when it is in time, 124 when it is not."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from toolkit.execution import limited

PROBE = "toolkit.testing.probe_job"


def run(seconds: float, *actions: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", *limited.command(seconds, PROBE, actions)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "actions", "code"),
    [
        (30, ("print=a",), 0),
        (30, ("print=a", "exit=3"), 3),
        (30, ("print=a", "signal=9"), 137),
        (0.8, ("print=a", "sleep=60"), 124),
    ],
)
def test_how_it_ends(seconds: float, actions: tuple[str, ...], code: int) -> None:
    assert run(seconds, *actions) == (code, "a\n")


@pytest.mark.slow
def test_a_stop_reaches_the_module() -> None:
    argv = [sys.executable, "-m", *limited.command(60, PROBE, ("print=a", "sleep=60"))]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "a\n"
        begin = time.monotonic()
        process.terminate()
        assert process.wait(20) == 143
    assert time.monotonic() - begin < 10
