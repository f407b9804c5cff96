"""Versions swap while clients ask, and nobody notices but by the number: the real application over uvicorn, and the
real bundle in workers that are frozen between calls, as a function's are."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.serving import endpoints
from tests.serving.endpoints import FEATURES, ROW, Files, packed
from tests.serving.signed import Bucket
from toolkit.adapters.local.store import open_store
from toolkit.domain.records import Signature
from toolkit.domain.trust import TrustRoot
from toolkit.execution.aws_lambda import Deployment, Pool
from toolkit.execution.aws_lambda.log import FunctionLog
from toolkit.packaging import measure
from toolkit.packaging.bundle import BundleSpec, build
from toolkit.serving.model import load

REPOSITORY = Path(__file__).parents[2]
PADDING = 4_000_000  # bytes of a file of each model: one that is not freed shows


def models(count: int) -> list[Files]:
    """Of one signature and different answers, each a few MB in memory."""
    made = []
    for seed in range(count):
        data = endpoints.frame(400, seed=seed)
        target = np.where(data.delay.fillna(0) + 5 * seed > data.distance / 100, "late", "on time")
        pipeline, onnx = endpoints._export(LogisticRegression(max_iter=200, C=10.0**-seed), target, data)
        signature = Signature(
            task="binary", features=FEATURES, label="late", classes=tuple(map(str, pipeline.classes_))
        )
        made.append(packed(signature, {"model.onnx": onnx, "extra": bytes([seed]) * PADDING}))
    return made


def answer(files: Files) -> float:
    return load(files.files, files.digest).predict({k: [v] for k, v in ROW.items()}).probabilities[0][0]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def told(folder: Path, bucket: Bucket) -> str:
    """What the function is told: look for another version all the time."""
    root = msgspec.to_builtins(TrustRoot(keys=(bucket.key.public,)))
    runtime = {
        "project": "flights", "target": "test", "endpoint": "flights", "model": "flights",
        "ports": {"store": {"provider": "local", "settings": {"store": str(folder / "store")}}},
        "values": {"auth": {"mode": "public"}, "bucket": {"trust": root, "seconds": 0.01}},
    }  # fmt: skip
    return json.dumps(runtime)


Ask = Callable[[], tuple[int, bytes]]
Opened = tuple[Callable[[], AbstractContextManager[Ask]], Callable[[], list[int]]]
Serving = Callable[[Path, Bucket], AbstractContextManager[Opened]]
"""Begins with the first version in place; gives what opens a client, and what names the processes that answer."""


@contextmanager
def functions(folder: Path, bucket: Bucket) -> Iterator[Opened]:
    """The bundle as it is deployed, in the workers of a function."""
    with zipfile.ZipFile(build(BundleSpec("inference"), folder / "bundles").path) as packed:
        packed.extractall(folder / "root")
    deployment = Deployment("f", "1", folder / "root", environment={"TOOLKIT_RUNTIME": told(folder, bucket)})
    log, event = FunctionLog(folder / "log.jsonl"), json.dumps(measure.event(ROW)).encode()
    pool = Pool(deployment, workers=folder / "workers", runtime=folder / "runtime", log=log)

    def ask() -> tuple[int, bytes]:
        outcome = pool.call(event)
        if outcome.error:
            return 500, outcome.payload
        reply = json.loads(outcome.payload)
        return reply["statusCode"], reply["body"].encode()

    try:
        assert ask()[0] == 200
        yield lambda: nullcontext(ask), pool.pids
    finally:
        pool.close()


@contextmanager
def uvicorn(folder: Path, bucket: Bucket) -> Iterator[Opened]:
    """The inference function as a container runs it."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "app:application", "--host", "127.0.0.1", "--port", str(port),
         "--log-level", "warning", "--app-dir", str(REPOSITORY / "functions/inference")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "TOOLKIT_RUNTIME": told(folder, bucket)},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.05)
        yield lambda: connected(port), lambda: [process.pid]
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def connected(port: int) -> Iterator[Ask]:
    """A client on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask() -> tuple[int, bytes]:
        connection.request("POST", "/predict", json.dumps(ROW), {"content-type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()

    with closing(connection):
        yield ask


class Asking(threading.Thread):
    """One client, as fast as it can. `seen`: version -> the answers it gave."""

    def __init__(self, opened: AbstractContextManager[Ask]) -> None:
        super().__init__()
        self.opened, self.done = opened, threading.Event()
        self.seen: dict[int, set[float]] = {}
        self.errors: list[str] = []
        self.asked = 0

    def run(self) -> None:
        with self.opened as ask:
            self.asking(ask)

    def asking(self, ask: Ask) -> None:
        while not self.done.is_set():
            try:
                status, data = ask()
                if status != 200:
                    self.errors.append(f"{status}: {data!r}")
                    continue
                found = json.loads(data)
                share = found["predictions"][0]["probabilities"]["late"]
                self.seen.setdefault(found["version"], set()).add(share)
                self.asked += 1
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))


def resident_mb(processes: list[int]) -> float:
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in processes]
    return max(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def swapped_through(folder: Path, swaps: int, serving: Serving) -> dict[str, Any]:
    """`swaps` releases, each waited for, while two clients ask."""
    bucket, files = Bucket(open_store({"store": str(folder / "store")})), models(4)
    shares = [answer(one) for one in files]
    assert len(set(shares)) == len(files), "their answers tell them apart"
    bucket.announce(bucket.register(files[0], 1))
    with serving(folder, bucket) as (client_of, processes):
        clients = [Asking(client_of()) for _ in range(2)]
        for client in clients:
            client.start()
        early = 0.0
        for version in range(2, swaps + 2):
            bucket.announce(bucket.register(files[(version - 1) % len(files)], version))
            until = time.monotonic() + 30
            while not all(version in client.seen for client in clients) and time.monotonic() < until:
                time.sleep(0.002)
            if version == 8:
                early = resident_mb(processes())
        late = resident_mb(processes())
        for client in clients:
            client.done.set()
        for client in clients:
            client.join()
    right = {version: {shares[(version - 1) % len(files)]} for version in range(1, swaps + 2)}
    return {
        "errors": [error for client in clients for error in client.errors],
        "mixed": [(v, seen) for client in clients for v, seen in client.seen.items() if seen != right[v]],
        "missed": [v for v in right if v > 1 and not all(v in client.seen for client in clients)],
        "asked": sum(client.asked for client in clients),
        "grown": late - early,
    }


@pytest.mark.slow
@pytest.mark.parametrize("serving", [uvicorn, functions])
def test_swaps_under_load_show_in_nothing_but_the_version(tmp_path: Path, serving: Serving) -> None:
    found = swapped_through(tmp_path, 20, serving)
    assert found["errors"] == []
    assert found["mixed"] == [], "an answer was not that of the version it names"
    assert found["missed"] == []
    assert found["asked"] >= 20
    assert found["grown"] < 30, "13 models of over 4 MB would be 52"


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("serving", [uvicorn, functions])
def test_two_hundred_swaps(tmp_path: Path, serving: Serving) -> None:
    found = swapped_through(tmp_path, 200, serving)
    assert (found["errors"], found["mixed"], found["missed"]) == ([], [], [])
    assert found["grown"] < 80, "193 models of over 4 MB would be 772; what stays is the allocator's"
