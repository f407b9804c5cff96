"""What a process marked is ended when that process is gone, and what it took back is not."""

from __future__ import annotations

import os
import subprocess
import sys
from uuid import uuid4

import pytest

from tests.support import until
from toolkit.execution.reaper import Reaper
from toolkit.execution.tree import MARK, marked


def sleeper() -> tuple[str, subprocess.Popen[bytes]]:
    mark = uuid4().hex
    code = "import time; time.sleep(60)"
    return mark, subprocess.Popen([sys.executable, "-c", code], env={**os.environ, MARK: mark}, start_new_session=True)


@pytest.mark.slow
def test_only_what_is_watched_is_ended() -> None:
    (one, first), (two, second) = sleeper(), sleeper()
    reaper = Reaper()
    try:
        reaper.watch(one)
        reaper.watch(two)
        reaper.leave(two)
        reaper.close()
        assert first.wait(10) == -9
        assert second.poll() is None
    finally:
        second.kill()
        second.wait()


@pytest.mark.slow
def test_a_kill_of_the_watching_process_ends_it_too() -> None:
    mark, process = sleeper()
    code = f"""
import sys, time
from toolkit.execution.reaper import Reaper
reaper = Reaper()
reaper.watch({mark!r})
print("watching", flush=True)
time.sleep(60)
"""
    watching = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    with watching.stdout:
        assert watching.stdout.readline() == "watching\n"
        watching.kill()
        watching.wait()
    assert process.wait(20) == -9
    until(lambda: not marked(mark))
