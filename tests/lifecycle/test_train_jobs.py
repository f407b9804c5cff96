"""Training as real jobs of this machine: the same model as in this process, and every way in which a job can end."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lifecycle.shop import TRAIN, Shop, make_shop
from toolkit.domain.errors import Interrupted, TrainingFailed
from toolkit.lifecycle import runs, train
from toolkit.state.runs import Runs

pytestmark = pytest.mark.slow


def local(folder: Path, **train_config: object) -> Shop:
    settings = {"store": str(folder / "store"), "host": str(folder / "host"), "python": sys.executable}
    return make_shop(folder, provider="local", settings=settings, **train_config)


WAITING = """
import os, pathlib, time
def train(data, params):
    print("pid", os.getpid(), flush=True)
    time.sleep(60)
"""


def when_it_says(shop: Shop, word: str, then: Callable[[int], None]) -> threading.Thread:
    """Call `then` with the number after `word`, as soon as the job has printed it."""

    def look() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for text in list(shop.told.said):
                if text.startswith(f"{word} "):
                    then(int(text.split()[1]))
                    return
            time.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    return thread


def test_a_job_makes_the_same_model_as_this_process(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    shop, here = local(tmp_path / "a"), make_shop(tmp_path / "b")
    made = train.run(shop.ctx, dataset=shop.dataset()).view
    expected = train.run(here.ctx, dataset=here.dataset()).view
    assert made.id == expected.id
    assert made.end is not None
    assert expected.end is not None
    assert made.end.model_digest == expected.end.model_digest
    assert "trained; exporting and comparing" in shop.told.said
    assert train.run(shop.ctx, dataset=shop.dataset()).reused


def ended(shop: Shop, status: str, says: str) -> None:
    with pytest.raises(TrainingFailed) as failed:
        train.run(shop.ctx, dataset=shop.dataset())
    (row,) = runs.ls(shop.ctx)
    assert row["status"] == status
    assert says in row["reason"]
    assert says in failed.value.message
    assert not list(shop.ctx.jobs.list({"state": "running"}))


def test_a_failing_function(tmp_path: Path) -> None:
    shop = local(tmp_path).code("def train(data, params):\n    return 1 / 0\n")
    ended(shop, "failed", "ZeroDivisionError: division by zero (train.py:2)")
    assert not any("Traceback" in text for text in shop.told.said)
    assert any("return 1 / 0" in line.text for line in runs.logs(shop.ctx, "latest"))


def test_past_its_time(tmp_path: Path) -> None:
    ended(local(tmp_path, timeout="4s").code(WAITING), "timeout", "ran longer than 4 s")


def test_past_its_memory(tmp_path: Path) -> None:
    hungry = (
        "def train(data, params):\n    kept = []\n    while True:\n        kept.append(bytearray(b'x' * 20_000_000))\n"
    )
    ended(local(tmp_path, memory="700Mi").code(hungry), "out-of-memory", "more than its 700 MiB")


def test_killed(tmp_path: Path) -> None:
    shop = local(tmp_path).code(WAITING)
    killer = when_it_says(shop, "pid", lambda pid: os.kill(pid, signal.SIGKILL))
    ended(shop, "lost", "killed by SIGKILL")
    killer.join()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Tests that were started in the background of a script have the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c(tmp_path: Path) -> None:
    shop = local(tmp_path).code(WAITING)
    typist = when_it_says(shop, "pid", lambda pid: _thread.interrupt_main())
    with pytest.raises(Interrupted, match="cancelled"):
        train.run(shop.ctx, dataset=shop.dataset())
    typist.join()
    (row,) = runs.ls(shop.ctx)
    assert row["status"] == "cancelled"
    (job,) = shop.ctx.jobs.list()
    assert job.state == "cancelled"


def test_two_submitters_at_once_share_one_run(tmp_path: Path) -> None:
    shop = local(tmp_path).code(TRAIN.replace("import toolkit\n", "import toolkit, time\n"))
    dataset = shop.dataset()
    versions: list[int | None] = []
    both = [
        threading.Thread(target=lambda: versions.append(train.run(shop.ctx, dataset=dataset).version)) for _ in "ab"
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert versions == [1, 1]
    assert len(Runs(shop.ctx.store).list("shop")) == 1
    assert len(list(shop.ctx.jobs.list())) == 1
