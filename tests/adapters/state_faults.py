"""A provider's store under every fault, with the state that stands upon it: one write, whatever was answered."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import ClassVar

import pytest

from toolkit.domain.errors import CommitUnknown, ToolkitError
from toolkit.state import commit, patience
from toolkit.state.journal import Journal
from toolkit.testing.faultcases import Case
from toolkit.testing.faultproxy import Fault, first
from toolkit.testing.store_faults import Bucket, StoreFaultsSuite

NOW = "2026-01-01T00:00:00.000000Z"
WRITERS, EACH = 2, 3


class StateFaultsSuite(StoreFaultsSuite):
    """`creates` is the method by which a small object is created."""

    creates: ClassVar[str] = "PUT"

    @pytest.fixture(autouse=True)
    def _no_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of the state; those of the adapter are the provider's."""
        monkeypatch.setattr(patience, "sleep", lambda seconds: None)

    def test_a_create_is_ours_when_it_is_there(self, bucket: Bucket, case: Case) -> None:
        """What the layer above makes of it: one write, whatever was answered."""
        key = f"create/{os.urandom(8).hex()}"
        bucket.proxy.begin(first(case.fault, method=self.creates))
        mine = os.urandom(16)
        again(lambda: commit.create(bucket.under(case), key, mine), case)
        assert bucket.store.get(key).data == mine
        assert commit.create(bucket.store, key, b"another").data == mine
        bucket.store.delete(key)

    def test_appends_are_applied_once(self, bucket: Bucket, case: Case) -> None:
        """Two who append through faults at every third write, each going on as a person would: the same again."""
        name = f"counter-{os.urandom(8).hex()}"
        creates = iter(range(1, 10_000))

        def plan(number: int, method: str, target: str) -> Fault | None:
            return case.fault if method == self.creates and next(creates) % 3 == 1 else None

        def append(writer: int, n: int) -> object:
            journal = Journal(bucket.under(case), name)
            return journal.append(f"op-{writer}-{n}", lambda entries: {"n": len(entries)}, actor=str(writer), time=NOW)

        bucket.proxy.begin(plan)
        failures: list[BaseException] = []

        def run(writer: int) -> None:
            try:
                for n in range(EACH):
                    again(lambda n=n: append(writer, n), case)  # type: ignore[misc]
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(writer,)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        entries = list(Journal(bucket.store, name).entries())
        assert sorted(entry.op for entry in entries) == [f"op-{w}-{n}" for w in range(WRITERS) for n in range(EACH)]
        assert [entry.body["n"] for entry in entries] == list(range(WRITERS * EACH))
        assert bucket.proxy.count(self.creates) >= WRITERS * EACH
        for meta in bucket.store.list("journals/"):
            bucket.store.delete(meta.key)


def again(call: Callable[[], object], case: Case) -> None:
    """As a person would: the same command, while it fails with what the fault may be told as."""
    for _ in range(20):
        try:
            call()
            return
        except ToolkitError as error:
            if not isinstance(error, (*case.told, CommitUnknown)):
                raise
    raise AssertionError("it never got through")
