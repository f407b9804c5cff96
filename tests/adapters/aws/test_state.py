"""State on S3: several writers, lost replies and refusals, over the wire: nothing lost, nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.adapters.aws import cloud
from toolkit.adapters.aws.store import open_store
from toolkit.domain.errors import CommitUnknown, Conflict, Throttled, Unavailable
from toolkit.domain.records import RunEnd, RunSpec, Split
from toolkit.ports.store import Store
from toolkit.state import audit
from toolkit.state.blobs import Blobs
from toolkit.state.journal import Entry, Journal
from toolkit.state.registry import Registry
from toolkit.state.runs import Runs
from toolkit.testing.faults import FaultyStore, lossy

pytestmark = pytest.mark.slow
WRITERS = 6
NOW = "2026-01-01T00:00:00.000000Z"


@pytest.fixture
def bucket() -> Store:
    return open_store(cloud.bucket())


def in_threads(work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def until_known(call: Callable[[], object]) -> None:
    """The same command again, until its outcome is known."""
    while True:
        try:
            call()
            return
        except (CommitUnknown, Unavailable, Throttled):
            continue


def test_no_append_is_lost_or_doubled(bucket: Store) -> None:
    each = 6

    def count(entries: tuple[Entry, ...]) -> dict[str, Any]:
        return {"n": len(entries)}

    def write(number: int) -> None:
        journal = Journal(FaultyStore(bucket, lossy(0.2, number, refused=0.05)), "counter")
        for n in range(each):
            until_known(partial(journal.append, f"writer-{number}-{n}", count, actor=str(number), time=NOW))

    in_threads(write)
    entries = list(Journal(bucket, "counter").entries())
    assert [entry.body["n"] for entry in entries] == list(range(WRITERS * each))
    assert len({entry.op for entry in entries}) == WRITERS * each
    assert audit.verify(bucket) == []


def test_of_racing_promotions_one_wins(bucket: Store) -> None:
    registry = Registry(bucket, "flights")
    for n in range(WRITERS):
        registry.register(f"{n:064}", f"run-{n}", {}, actor="ann", op=f"register-{n}", time=NOW)
    won: list[int] = []

    def promote(number: int) -> None:
        mine = Registry(FaultyStore(bucket, lossy(0.2, number)), "flights")
        try:
            mine.move("champion", number + 1, expect=0, actor=str(number), op=f"promote-{number}", time=NOW)
            won.append(number + 1)
        except Conflict:
            pass

    in_threads(promote)
    assert won == [Registry(bucket, "flights").aliases()["champion"]]


def test_a_run_has_one_executor_and_one_end(bucket: Store) -> None:
    spec = RunSpec(
        run_id="r1", model="flights", entry="train:train", code="c" * 64, environment="", dataset="flights",
        dataset_version="d1", label="late", split=Split(), created=NOW,
    )  # fmt: skip
    assert Runs(bucket).create(spec)
    claimed: list[int] = []
    ends: list[RunEnd] = []

    def work(number: int) -> None:
        runs = Runs(FaultyStore(bucket, lossy(0.2, number)))
        if runs.claim("r1", f"worker-{number}"):
            claimed.append(number)
        with runs.log("r1") as log:
            log.metric(f"loss-{number}", 0.5, step=1)
        ends.append(runs.end(RunEnd(run_id="r1", status="succeeded", ended=NOW, reason=str(number))))

    in_threads(work)
    assert len(claimed) == 1
    assert len({end.reason for end in ends}) == 1
    assert set(Runs(bucket).metrics("r1")) == {f"loss-{n}" for n in range(WRITERS)}


def test_equal_blobs_are_one(bucket: Store) -> None:
    digests: set[str] = set()

    def put(number: int) -> None:
        blobs = Blobs(FaultyStore(bucket, lossy(0.2, number)))
        digests.update(blobs.put(b"x" * n * 1000) for n in range(4))

    in_threads(put)
    assert len(digests) == 4
    assert sorted(len(Blobs(bucket).get(digest)) for digest in digests) == [0, 1000, 2000, 3000]
