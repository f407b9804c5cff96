"""Commands for real."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.execution import tree
from toolkit.execution.output import Output, Reader
from toolkit.execution.process import Command, Outcome, run

pytestmark = pytest.mark.slow

_CHILDREN = """
import subprocess, sys, time
for session in (False, True):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=session)
print("ready", flush=True)
"""
MARK = "process-test"


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., Outcome]:
    def start(code: str, *, stop: Callable[[], str] = str, **limits: float) -> Outcome:
        argv = (sys.executable, "-c", code)
        command = Command(argv, {"PYTHONUNBUFFERED": "1"}, tmp_path, mark=MARK, **limits)  # type: ignore[arg-type]
        try:
            return run(command, Output(tmp_path), stop=stop)
        finally:
            assert tree.marked(MARK) == set()

    return start


def _printed(folder: Path) -> list[str]:
    return [line.text for line in Reader(folder).read(whole=True)]


def test_success(python: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = python("import sys; print('out'); print('err', file=sys.stderr); print('out again')")
    assert (outcome.state, outcome.exit_code, outcome.reason) == ("succeeded", 0, "")
    assert _printed(tmp_path) == ["out", "err", "out again"]


def test_an_exit_code_comes_with_the_last_words(python: Callable[..., Outcome]) -> None:
    outcome = python("raise ValueError('no label')")
    assert (outcome.state, outcome.exit_code) == ("failed", 1)
    assert outcome.reason == "exit code 1: ValueError: no label"


@pytest.mark.parametrize(("number", "words"), [(9, "SIGKILL, not by the toolkit"), (11, "SIGSEGV"), (40, "signal 40")])
def test_a_signal_is_named(python: Callable[..., Outcome], number: int, words: str) -> None:
    outcome = python(f"import os; os.kill(os.getpid(), {number})")
    assert (outcome.state, outcome.exit_code) == ("failed", None)
    assert words in outcome.reason


def test_what_cannot_be_started_has_failed(tmp_path: Path) -> None:
    outcome = run(Command(("/no/such/program",), {}, tmp_path), Output(tmp_path))
    assert outcome == Outcome("failed", "could not start /no/such/program: No such file or directory")


def test_past_its_time_it_is_asked_then_killed_with_its_children(
    python: Callable[..., Outcome], tmp_path: Path
) -> None:
    code = f"{_CHILDREN}\nimport signal\nsignal.signal(15, lambda *_: print('asked'))\nwhile True: time.sleep(60)"
    outcome = python(code, timeout_seconds=4.0, grace_seconds=1.0)
    assert (outcome.state, outcome.reason, outcome.exit_code) == ("timeout", "ran longer than 4 s", None)
    assert _printed(tmp_path) == ["ready", "asked"]


def test_a_program_that_stops_when_asked_is_not_waited_for(python: Callable[..., Outcome]) -> None:
    begin = time.monotonic()
    assert python("import time; time.sleep(60)", timeout_seconds=0.3, grace_seconds=20.0).state == "timeout"
    assert time.monotonic() - begin < 5


def test_past_its_memory_it_is_killed(python: Callable[..., Outcome]) -> None:
    code = "import os, time\nkept = bytearray(os.urandom(1 << 20)) * 300\ntime.sleep(60)"
    outcome = python(code, memory_bytes=128 * 1024**2)
    assert outcome.state == "out-of-memory"
    assert "more than its 128 MiB" in outcome.reason
    assert outcome.peak_bytes > 128 * 1024**2


def test_the_memory_of_children_counts(python: Callable[..., Outcome]) -> None:
    grow = "import os, time; kept = bytearray(os.urandom(1 << 20)) * 100; time.sleep(60)"
    start = f"import subprocess, sys\nall = [subprocess.Popen([sys.executable, '-c', {grow!r}]) for _ in '123']"
    code = f"{start}\nall[0].wait()"
    assert python(code, memory_bytes=200 * 1024**2).state == "out-of-memory"


def test_reserved_memory_does_not_count(python: Callable[..., Outcome]) -> None:
    code = "import mmap, time\nkept = mmap.mmap(-1, 4 << 30)\ntime.sleep(0.5)"
    outcome = python(code, memory_bytes=128 * 1024**2)
    assert outcome.state == "succeeded"
    assert 0 < outcome.peak_bytes < 128 * 1024**2


def test_a_stop_cancels_with_its_reason(python: Callable[..., Outcome]) -> None:
    asked = threading.Event()
    threading.Timer(0.3, asked.set).start()
    outcome = python(
        f"{_CHILDREN}\ntime.sleep(60)", stop=lambda: "by hand" if asked.is_set() else "", grace_seconds=1.0
    )
    assert (outcome.state, outcome.reason, outcome.exit_code) == ("cancelled", "by hand", None)


def test_children_do_not_outlive_a_command_that_ended(python: Callable[..., Outcome]) -> None:
    assert python(_CHILDREN).state == "succeeded"  # the fixture looks for what is left


def test_nothing_is_left_when_the_caller_is_interrupted(python: Callable[..., Outcome]) -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        python(f"{_CHILDREN}\ntime.sleep(60)", stop=interrupt)


def test_many_lines_and_bytes_that_are_not_text(python: Callable[..., Outcome], tmp_path: Path) -> None:
    code = "import sys\nsys.stdout.buffer.write(b''.join(b'%d \\xff\\n' % n for n in range(100_000)))"
    assert python(code).state == "succeeded"
    lines = _printed(tmp_path)
    assert len(lines) == 100_000
    assert lines[99_999] == "99999 \ufffd"


def test_only_the_given_environment_is_seen(
    python: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKED", "1")
    python("import os; print(sorted(set(os.environ) - {'LC_CTYPE'}), os.getcwd())")
    assert _printed(tmp_path) == [f"['PYTHONUNBUFFERED', 'TOOLKIT_PROCESS_MARK'] {tmp_path}"]
