from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support import until
from toolkit.execution import tree
from toolkit.execution.tree import MARK, Process, Tree

_DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(60)
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    found = subprocess.Popen(
        [sys.executable, "-c", _DAEMON], env={MARK: "test-mark"}, start_new_session=True, stdout=subprocess.PIPE
    )
    yield found
    found.kill()
    found.wait()
    for pid in tree.marked("test-mark"):
        os.kill(pid, 9)
    assert found.stdout
    found.stdout.close()


def _until(count: int) -> set[int]:
    until(lambda: len(tree.marked("test-mark")) == count)
    return tree.marked("test-mark")


def test_this_process_is_in_the_table_and_ps_says_the_same() -> None:
    ours, theirs = tree.table()[os.getpid()], {p.pid: p for p in tree.from_ps()}[os.getpid()]
    assert (ours.pid, ours.parent) == (theirs.pid, theirs.parent) == (os.getpid(), os.getppid())
    assert ours.rss == pytest.approx(theirs.rss, rel=0.2)


def test_an_identity_is_of_one_process(child: subprocess.Popen[bytes]) -> None:
    assert tree.identity(child.pid) == tree.identity(child.pid) != ""
    assert tree.identity(child.pid) != tree.identity(os.getpid())
    child.kill()
    child.wait()
    assert tree.identity(child.pid) == ""


def test_a_daemon_is_found_by_its_mark_and_ended(child: subprocess.Popen[bytes]) -> None:
    pids = _until(2)
    assert child.pid in pids
    assert Tree(child.pid, "test-mark").end()
    child.wait()
    assert tree.marked("test-mark") == set()
    assert not pids & tree.table().keys()


def test_a_session_that_was_seen_is_remembered() -> None:
    script = (
        "import os, time\npid = os.fork()\nif pid == 0: os.setsid(); time.sleep(60)\nprint(pid, flush=True)\ninput()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as root:
        assert root.stdout
        assert root.stdin
        orphan = int(root.stdout.readline())
        watched = Tree(root.pid)
        until(lambda: orphan in {p.session for p in watched.scan()})
        root.stdin.close()
        root.wait()
        assert [process.pid for process in watched.scan()] == [orphan]
        assert watched.end()
        assert watched.scan() == []


def test_memory_counts_shared_pages_once_only_when_it_matters() -> None:
    script = (
        "import os, time\nkept = bytearray(os.urandom(1 << 20)) * 64\n"
        "for _ in range(3):\n    if os.fork() == 0: time.sleep(60)\nprint(flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE) as root:
        assert root.stdout
        root.stdout.readline()
        watched = Tree(root.pid)
        processes = watched.scan()
        assert len(processes) == 4
        assert tree.memory(processes, over=1 << 40) > 4 * 64 * 1024**2
        assert tree.memory(processes, over=100 * 1024**2) < 128 * 1024**2
        watched.end()


def test_what_is_gone_uses_its_last_known_memory() -> None:
    assert tree.memory([Process(2**22 + 1, 1, 1, 5000)], over=1) == 5000
