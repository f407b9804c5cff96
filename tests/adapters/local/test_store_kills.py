"""Eight processes on one bucket, killed at random moments."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.adapters.local.hammer import whole
from toolkit.adapters.local.store import STALE_SECONDS, WORK, open_store

ROOT = Path(__file__).parents[3]
PROCESSES = 8
KILLS = 40


class Worker:
    def __init__(self, folder: Path, number: int) -> None:
        self.name = f"w{number}"
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("hammer.py")), str(folder), self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.lines.extend(line.strip() for line in self._process.stdout if line.endswith("\n"))

    def kill(self) -> str:
        """Gone; what it wrote to standard error."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stderr is not None
        assert self._process.stdout is not None
        error = self._process.stderr.read()
        self._process.stderr.close()
        self._process.stdout.close()
        return error


@pytest.mark.slow
def test_eight_processes_and_kill_9(tmp_path: Path) -> None:
    folder = tmp_path / "bucket"
    store = open_store({"store": str(folder)})
    store.put("counter", b"{}")
    generator = random.Random(11)
    workers = [Worker(folder, number) for number in range(PROCESSES)]
    finished: list[Worker] = []
    errors = ""
    try:
        while not all(worker.lines for worker in workers):
            time.sleep(0.05)
        for _ in range(KILLS):
            time.sleep(generator.uniform(0.01, 0.12))
            at = generator.randrange(PROCESSES)
            errors += workers[at].kill()
            finished.append(workers[at])
            workers[at] = Worker(folder, at)
            for meta in store.list("race/"):
                if generator.random() < 0.1:
                    assert whole(store.get(meta.key).data)
    finally:
        for worker in workers:
            errors += worker.kill()
        finished += workers
    assert errors == ""

    lines = [(worker.name, *line.split()) for worker in finished for line in worker.lines]
    assert [line for line in lines if line[1] == "torn"] == []
    keys = [meta.key for meta in store.list()]
    assert all(whole(store.get(key).data) for key in keys if key != "counter")

    won = Counter(line[2] for line in lines if line[1] == "won")
    assert set(won.values()) == {1}, "two were told that they had created the same object"
    for line in lines:
        if line[1] == "won":
            assert store.get(f"race/{line[2]}").data[64:].startswith(f"{line[0]}\n".encode())
    created = sum(key.startswith("race/") for key in keys)
    assert len(won) <= created <= len(won) + len(finished), "only who was killed may have won untold"

    counts = json.loads(store.get("counter").data)
    for number in range(PROCESSES):
        name = f"w{number}"
        told = [int(line[2]) for line in lines if line[0] == name and line[1] == "added"]
        lives = sum(worker.name == name for worker in finished)
        assert len(set(told)) == len(told), "the same addition was acknowledged twice"
        assert len(told) <= counts.get(name, 0) <= len(told) + lives
        assert not told or counts[name] >= max(told), "an acknowledged addition was lost"
    assert created >= 20

    # What the killed ones left is never listed, and goes when it is stale.
    assert not any(key.startswith(".") or WORK in key for key in keys)
    parts = list((folder / WORK / "parts").iterdir())
    old = time.time() - STALE_SECONDS - 10
    for part in parts:
        os.utime(part, (old, old))
    open_store({"store": str(folder)}).put("after", b"")
    assert list((folder / WORK / "parts").iterdir()) == []
