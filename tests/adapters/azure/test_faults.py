"""Every verb of the store under every fault: the right outcome or a clear error, and in the bucket all or nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.adapters.azure import microsoft
from tests.adapters.azure.faulting import CASES, LATE, PATIENT, Case
from toolkit.adapters.azure import client
from toolkit.adapters.azure.store import BlobStore, open_store
from toolkit.domain.errors import CommitUnknown, NotFound, ToolkitError
from toolkit.ports import Settings
from toolkit.ports.store import CREATE, Match, Store
from toolkit.state import commit, patience
from toolkit.state.journal import Journal
from toolkit.testing.faultproxy import Altered, Fault, Plan, Proxy, Slow, at, first

SINGLE, BLOCK = 64 * 1024, 40_000
OLD, NEW, LARGE = os.urandom(3000), os.urandom(2000), os.urandom(SINGLE + 1000)
NOW = "2026-01-01T00:00:00.000000Z"
State = dict[str, int]  # key -> size; every content here has another
BEFORE = {"old": len(OLD), "other": 1}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between tries: the adapter's, the state's."""
    import stamina

    monkeypatch.setattr(patience, "sleep", lambda seconds: None)
    stamina.set_testing(True, attempts=6)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    import stamina

    stamina.set_testing(False)


class Verb(NamedTuple):
    """`call(store, file)` and what it answers, from a bucket with `old` and `other`; `leaves` is the bucket's content
    when it was applied, None for what only reads."""

    call: Callable[[Store, Path], object]
    answers: object = None
    leaves: State | None = None


def _download(store: Store, file: Path) -> bytes:
    copy = file.with_name("copy")
    copy.write_bytes(b"mine")
    try:
        store.download("old", copy)
    except ToolkitError:
        assert copy.read_bytes() == b"mine", "a file that did not come whole is not touched"
        raise
    finally:
        assert sorted(p.name for p in copy.parent.iterdir()) == ["copy", "file"], "nothing half done is left"
    return copy.read_bytes()


def _written(store: Store, file: Path, data: bytes) -> None:
    file.write_bytes(data)
    store.upload("new", file, CREATE)


VERBS = {
    "get": Verb(lambda store, _: store.get("old").data, OLD),
    "get_range": Verb(lambda store, _: store.get_range("old", 10, 50), OLD[10:60]),
    "head": Verb(lambda store, _: store.head("old").size, len(OLD)),
    "list": Verb(lambda store, _: [meta.key for meta in store.list("o")], ["old", "other"]),
    "download": Verb(_download, OLD),
    "put": Verb(lambda store, _: store.put("old", NEW).size, len(NEW), {**BEFORE, "old": len(NEW)}),
    "create": Verb(lambda store, _: store.put("new", NEW, CREATE).size, len(NEW), {**BEFORE, "new": len(NEW)}),
    "upload": Verb(lambda store, file: _written(store, file, NEW), None, {**BEFORE, "new": len(NEW)}),
    "delete": Verb(lambda store, _: store.delete("old"), None, {"other": 1}),
}
UPLOAD_LARGE = Verb(lambda store, file: _written(store, file, LARGE), None, {**BEFORE, "new": len(LARGE)})

each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


class Bucket:
    """`store` as it is, `bad` as seen through `proxy`."""

    def __init__(self, settings: Settings, proxy: Proxy) -> None:
        self.proxy = proxy
        self.store = open_store(settings)
        self._as_before = False
        self.bad, self._timid = (self._opened(settings, seconds) for seconds in (PATIENT, LATE / 2))

    def _opened(self, settings: Settings, seconds: float) -> BlobStore:
        where = settings["account"], settings["container"], settings["prefix"]
        return BlobStore(*where, endpoint=self.proxy.address, single=SINGLE, block=BLOCK, seconds=seconds)

    def under(self, fault: Fault) -> BlobStore:
        """`bad` that waits for half as long as a slow reply takes; nobody else is timed on a busy machine."""
        return self._timid if isinstance(fault, Slow) else self.bad

    def state(self) -> State:
        return {meta.key: meta.size for meta in self.store.list()}

    def through(self, verb: Verb, case: Case, plan: Plan, folder: Path) -> None:
        """One call through one plan of faults, and all that has to hold."""
        file = folder / "file"
        file.touch()
        if not self._as_before:
            for key, data in (("old", OLD), ("other", b"x")):
                self.store.put(key, data)
            self.store.delete("new")
        self.proxy.begin(plan)
        failed: ToolkitError | None = None
        try:
            assert verb.call(self.under(case.fault), file) == verb.answers
        except ToolkitError as error:
            failed = error
        after = self.state()
        if failed:
            assert isinstance(failed, case.told), repr(failed)
            assert failed.hint
            assert "az://" in failed.message
            assert after == BEFORE or (after == verb.leaves and not case.sure)
        else:
            assert after == (verb.leaves or BEFORE)
        self._as_before = after == BEFORE


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Proxy(microsoft.address()) as proxy:
        client.emulated.add(proxy.address)
        yield proxy


@pytest.fixture(scope="module")
def bucket(proxy: Proxy) -> Bucket:
    return Bucket(microsoft.bucket(), proxy)


@each_case
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_with_the_fault_once(bucket: Bucket, verb: str, case: Case, tmp_path: Path) -> None:
    if verb == "get_range" and case.fault == Altered():
        return  # Azure tells no digest of a part unasked: TLS is what keeps it whole
    bucket.through(VERBS[verb], case, first(case.fault), tmp_path)


def test_a_swap_through_each_fault_is_won_or_in_doubt(bucket: Bucket) -> None:
    for case in CASES.values():
        seen = bucket.store.put("swap", OLD)
        bucket.proxy.begin(first(case.fault))
        try:
            bucket.under(case.fault).put("swap", NEW, Match(seen.etag))
        except ToolkitError as error:
            assert isinstance(error, case.told), case  # noqa: PT017
            assert bucket.store.get("swap").data in ({OLD} if case.sure else {OLD, NEW})
        else:
            assert bucket.store.get("swap").data == NEW
        assert bucket.proxy.count("PUT") == (2 if case.fault == CASES["throttled"].fault else 1), "sent once"
    bucket.store.delete("swap")


_TOLD = ("get", "create")  # of reads and of writes; the gate leaves the others to the long run


@each_case
@pytest.mark.parametrize("verb", [pytest.param(v, marks=() if v in _TOLD else pytest.mark.exhaustive) for v in VERBS])
def test_a_verb_with_the_fault_for_good(bucket: Bucket, verb: str, case: Case, tmp_path: Path) -> None:
    if isinstance(case.fault, (Slow, Altered)) and not VERBS[verb].leaves:
        return  # below
    bucket.through(VERBS[verb], case, lambda *_: case.fault, tmp_path)


@pytest.mark.parametrize("verb", ["get", "download"])
def test_what_never_comes_right_is_never_taken_for_right(bucket: Bucket, verb: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    bucket.store.put("old", OLD)
    bucket.proxy.begin(lambda *_: Altered())
    with pytest.raises(CASES["altered body"].told):
        VERBS[verb].call(bucket.bad, file)


@pytest.mark.parametrize(  # who may write no blocks writes it whole: see test_rbac
    "case", [case for name, case in CASES.items() if name != "denied"], ids=[name for name in CASES if name != "denied"]
)
@pytest.mark.parametrize("request_", [1, 2, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in range(3, 6))])
def test_a_large_file_with_the_fault_at_every_request(
    bucket: Bucket, case: Case, request_: int, tmp_path: Path
) -> None:
    bucket.through(UPLOAD_LARGE, case, at(request_, case.fault), tmp_path)


@each_case
def test_a_create_is_ours_when_it_is_there(bucket: Bucket, case: Case) -> None:
    """What the layer above makes of it: one write, whatever was answered."""
    key = f"create/{os.urandom(8).hex()}"
    bucket.proxy.begin(first(case.fault, method="PUT"))
    mine = os.urandom(16)
    again(lambda: commit.create(bucket.under(case.fault), key, mine), case)
    assert bucket.store.get(key).data == mine
    assert commit.create(bucket.store, key, b"another").data == mine
    bucket.store.delete(key)


@each_case
def test_appends_are_applied_once(bucket: Bucket, case: Case) -> None:
    """Two who append through faults at every third write, each going on as a person would: the same command again."""
    name, each = f"counter-{os.urandom(8).hex()}", 2
    puts = iter(range(1, 10_000))

    def plan(number: int, method: str, target: str) -> Fault | None:
        return case.fault if method == "PUT" and next(puts) % 3 == 1 else None

    def write(writer: int) -> None:
        for n in range(each):
            again(
                lambda op=f"op-{writer}-{n}": Journal(bucket.under(case.fault), name).append(  # type: ignore[misc]
                    op, lambda entries: {"n": len(entries)}, actor=str(writer), time=NOW
                ),
                case,
            )

    bucket.proxy.begin(plan)
    failures: list[BaseException] = []

    def run(writer: int) -> None:
        try:
            write(writer)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    entries = list(Journal(bucket.store, name).entries())
    assert sorted(entry.op for entry in entries) == [f"op-{w}-{n}" for w in range(2) for n in range(each)]
    assert [entry.body["n"] for entry in entries] == list(range(2 * each))
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


def test_what_is_not_there_is_not_found_through_a_fault(bucket: Bucket) -> None:
    """A fault is no absence: state would start anew."""
    for case in CASES.values():
        bucket.proxy.begin(lambda *_: case.fault)  # noqa: B023
        if isinstance(case.fault, (Slow, Altered)):
            continue
        try:
            bucket.bad.get("not/there")
        except NotFound:
            assert not case.sure
            assert not hasattr(case.fault, "status"), case
        except case.told:
            pass
