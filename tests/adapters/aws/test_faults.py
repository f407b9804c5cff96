"""Every verb of the store under every fault: the right outcome or a clear error, and in the bucket all or nothing."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.adapters.aws import cloud
from tests.adapters.aws.faulting import CASES, LATE, PATIENT, Case, quick
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.store import S3Store, open_store
from toolkit.domain.errors import CommitUnknown, NotFound, ToolkitError
from toolkit.ports import Settings
from toolkit.ports.store import CREATE, Match, Store
from toolkit.state import commit
from toolkit.state.journal import Journal
from toolkit.testing.faultproxy import Altered, Fault, Plan, Proxy, Slow, at, first

PART = 5 * 1024**2  # the smallest that S3 takes
OLD, NEW, LARGE = os.urandom(3000), os.urandom(2000), os.urandom(PART + 1000)
NOW = "2026-01-01T00:00:00.000000Z"
State = dict[str, str]  # key -> etag, which S3 makes of the content

_quick = pytest.fixture(autouse=True)(quick)


def etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


BEFORE = {"old": etag(OLD), "other": etag(b"x")}


def _of_parts(data: bytes) -> str:
    digests = [hashlib.md5(data[start : start + PART]).digest() for start in range(0, len(data), PART)]
    return f'"{hashlib.md5(b"".join(digests)).hexdigest()}-{len(digests)}"'


LARGE_TAG = _of_parts(LARGE)


class Verb(NamedTuple):
    """`call(store, file)` and what it answers, from a bucket with `old` and `other`; `leaves` is the bucket's content
    when it was applied, None for what only reads."""

    call: Callable[[Store, Path], object]
    answers: object = None
    leaves: State | None = None


def _match(store: Store, file: Path) -> None:
    store.put("old", NEW, Match(BEFORE["old"]))


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
    "put": Verb(lambda store, _: store.put("old", NEW).size, len(NEW), {**BEFORE, "old": etag(NEW)}),
    "create": Verb(lambda store, _: store.put("new", NEW, CREATE).size, len(NEW), {**BEFORE, "new": etag(NEW)}),
    "match": Verb(_match, None, {**BEFORE, "old": etag(NEW)}),
    "upload": Verb(lambda store, file: _written(store, file, NEW), None, {**BEFORE, "new": etag(NEW)}),
    "delete": Verb(lambda store, _: store.delete("old"), None, {"other": BEFORE["other"]}),
}
UPLOAD_LARGE = Verb(lambda store, file: _written(store, file, LARGE), None, {**BEFORE, "new": LARGE_TAG})

each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


class Bucket:
    """`store` as it is, `bad` as seen through `proxy`."""

    def __init__(self, settings: Settings, proxy: Proxy) -> None:
        self.proxy = proxy
        self.store = open_store(settings)
        self._as_before = False
        self.bad, self._timid = (self._opened(settings, seconds) for seconds in (PATIENT, LATE / 2))

    def _opened(self, settings: Settings, seconds: float) -> S3Store:
        where = ("s3", cloud.REGION, self.proxy.address)
        reads, writes = (client(*where, retries=retries, read_seconds=seconds) for retries in (True, False))
        return S3Store(settings["bucket"], settings["prefix"], reads=reads, writes=writes, part=PART)

    def under(self, fault: Fault) -> S3Store:
        """`bad` that waits for half as long as a slow reply takes; nobody else is timed on a busy machine."""
        return self._timid if isinstance(fault, Slow) else self.bad

    def state(self) -> State:
        return {meta.key: meta.etag for meta in self.store.list()}

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
            assert "s3://" in failed.message
            assert after == BEFORE or (after == verb.leaves and not case.sure)
        else:
            assert after == (verb.leaves or BEFORE)
        self._as_before = after == BEFORE


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Proxy(cloud.address()) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def bucket(proxy: Proxy) -> Bucket:
    return Bucket(cloud.bucket(), proxy)


@each_case
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_with_the_fault_once(bucket: Bucket, verb: str, case: Case, tmp_path: Path) -> None:
    if verb == "get_range" and case.fault == Altered():
        return  # S3 has no digest of a part: TLS is what keeps it whole
    bucket.through(VERBS[verb], case, first(case.fault), tmp_path)
    if VERBS[verb].leaves:  # a write is looked at
        bucket.through(VERBS[verb], case, at(2, case.fault), tmp_path)


_TOLD = ("get", "create")  # of reads and of writes; the gate leaves the others to the long run


@each_case
@pytest.mark.parametrize("verb", [pytest.param(v, marks=() if v in _TOLD else pytest.mark.exhaustive) for v in VERBS])
def test_a_verb_with_the_fault_for_good(bucket: Bucket, verb: str, case: Case, tmp_path: Path) -> None:
    if isinstance(case.fault, (Slow, Altered)) and not VERBS[verb].leaves:
        return  # below
    bucket.through(VERBS[verb], case, lambda *_: case.fault, tmp_path)


@pytest.mark.parametrize("verb", ["get", "list", "download"])
@pytest.mark.parametrize("name", ["slow", "altered body"])
def test_what_never_comes_right_is_never_taken_for_right(bucket: Bucket, verb: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    bucket.store.put("old", OLD)
    bucket.proxy.begin(lambda *_: CASES[name].fault)
    with pytest.raises(CASES[name].told):
        VERBS[verb].call(bucket.under(CASES[name].fault), file)


@pytest.mark.exhaustive
@each_case
@pytest.mark.parametrize("request_", range(1, 8))
def test_a_large_file_with_the_fault_at_every_request(
    bucket: Bucket, case: Case, request_: int, tmp_path: Path
) -> None:
    bucket.through(UPLOAD_LARGE, case, at(request_, case.fault), tmp_path)
    if case.sure and "new" not in bucket.state():
        assert not bucket.bad._reads.list_multipart_uploads(Bucket=bucket.bad._bucket).get("Uploads")


@each_case
def test_a_create_is_ours_when_it_is_there(bucket: Bucket, case: Case) -> None:
    """What the layer above makes of it: one write, whatever was answered."""
    key = f"create/{os.urandom(8).hex()}"
    bucket.proxy.begin(first(case.fault, method="PUT"))
    mine = os.urandom(16)
    again(lambda: commit.create(bucket.under(case.fault), key, mine), case)
    assert bucket.store.get(key).data == mine
    assert commit.create(bucket.store, key, b"another").data == mine


@each_case
def test_appends_are_applied_once(bucket: Bucket, case: Case) -> None:
    """Two who append through faults at every third write, each going on as a person would: the same command again."""
    name, each = f"counter-{os.urandom(8).hex()}", 3
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
