"""Every verb of a store under every fault: the right outcome or a clear error, and in the bucket all or nothing.

class TestMine(StoreFaultsSuite):
    cases = {**NETWORK, "throttled": Case(Refused(429, "Busy"), (Throttled,), sure=True)}
    large, large_requests = 5 * 1024**2 + 1, 7

    @pytest.fixture(scope="class")
    def bucket(self):
        with Proxy(server) as proxy:
            yield Bucket(proxy, open_store(...), lambda seconds: open_store(... proxy.address, seconds), self.large)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple
from urllib.parse import urlsplit

import pytest

from toolkit.domain import digest
from toolkit.domain.errors import NotFound, ToolkitError
from toolkit.ports.store import CREATE, Match, Meta, Store
from toolkit.testing.faultcases import Case
from toolkit.testing.faultproxy import Altered, Plan, Proxy, Slow, at, first

OLD, NEW, OTHER = os.urandom(3000), os.urandom(2000), b"x"
State = dict[str, str]  # key -> digest of the content
BEFORE: State = {"old": digest.of_bytes(OLD), "other": digest.of_bytes(OTHER)}


class Given(NamedTuple):
    """What a verb is called with: a file in a folder of its own, and the etag under which `old` was last written."""

    file: Path
    etag: str


class Verb(NamedTuple):
    """`call(store, given)` and what it answers, from a bucket with `old` and `other`; `leaves` is the bucket's content
    when it was applied, None for what only reads."""

    call: Callable[[Store, Given], object]
    answers: object = None
    leaves: State | None = None


def _download(store: Store, given: Given) -> bytes:
    copy = given.file.with_name("copy")
    copy.write_bytes(b"mine")
    try:
        store.download("old", copy)
    except ToolkitError:
        assert copy.read_bytes() == b"mine", "a file that did not come whole is not touched"
        raise
    finally:
        assert sorted(p.name for p in copy.parent.iterdir()) == ["copy", "file"], "nothing half done is left"
    return copy.read_bytes()


def _match(store: Store, given: Given) -> None:
    store.put("old", NEW, Match(given.etag))


def upload(data: bytes) -> Verb:
    """Create `new` from a file."""

    def call(store: Store, given: Given) -> None:
        given.file.write_bytes(data)
        store.upload("new", given.file, CREATE)

    return Verb(call, None, {**BEFORE, "new": digest.of_bytes(data)})


_new = digest.of_bytes(NEW)
VERBS = {
    "get": Verb(lambda store, _: store.get("old").data, OLD),
    "get_range": Verb(lambda store, _: store.get_range("old", 10, 50), OLD[10:60]),
    "head": Verb(lambda store, _: store.head("old").size, len(OLD)),
    "list": Verb(lambda store, _: [meta.key for meta in store.list("o")], ["old", "other"]),
    "download": Verb(_download, OLD),
    "put": Verb(lambda store, _: store.put("old", NEW).size, len(NEW), {**BEFORE, "old": _new}),
    "create": Verb(lambda store, _: store.put("new", NEW, CREATE).size, len(NEW), {**BEFORE, "new": _new}),
    "match": Verb(_match, None, {**BEFORE, "old": _new}),
    "upload": upload(NEW),
    "delete": Verb(lambda store, _: store.delete("old"), None, {"other": BEFORE["other"]}),
}
_TOLD = ("get", "create")  # of reads and of writes; the gate leaves the others to the long run


class Bucket:
    """`store` as it is; `opened(seconds)` is the same content as seen through `proxy` by who waits that long for an
    answer; `large` bytes are more than go up in one request."""

    def __init__(self, proxy: Proxy, store: Store, opened: Callable[[float], Store], large: int) -> None:
        self.proxy, self.store = proxy, store
        self.opened = cache(opened)
        self.large = os.urandom(large)
        self._etag = ""  # of `old`; none: it is not as before
        self._read: dict[tuple[str, str], str] = {}

    def under(self, case: Case) -> Store:
        return self.opened(case.seconds)

    def state(self) -> State:
        return {meta.key: self._digest(meta) for meta in self.store.list()}

    def _digest(self, meta: Meta) -> str:
        """Each etag is read once."""
        seen = (meta.key, meta.etag)
        if seen not in self._read:
            self._read[seen] = digest.of_bytes(self.store.get(meta.key).data)
        return self._read[seen]

    def given(self, folder: Path) -> Given:
        """With the bucket as BEFORE."""
        if not self._etag:
            self.store.put("other", OTHER)
            self.store.delete("new")
            self._etag = self.store.put("old", OLD).etag
        file = folder / "file"
        file.touch()
        return Given(file, self._etag)

    def through(self, verb: Verb, case: Case, plan: Plan, folder: Path) -> None:
        """One call through one plan of faults, and all that has to hold."""
        given = self.given(folder)
        self.proxy.begin(plan)
        failed: ToolkitError | None = None
        try:
            assert verb.call(self.under(case), given) == verb.answers
        except ToolkitError as error:
            failed = error
        after = self.state()
        if failed:
            assert isinstance(failed, case.told), repr(failed)
            assert failed.hint
            assert f"{urlsplit(self.store.uri()).scheme}://" in failed.message
            assert after == BEFORE or (after == verb.leaves and not case.sure)
        else:
            assert after == (verb.leaves or BEFORE)
        if after != BEFORE:
            self._etag = ""


class StoreFaultsSuite:
    """Give `cases`, the fixture `bucket`, and in how many requests its large file goes up. The gate takes a fault at
    `large_gate` of those requests, the long run at all."""

    cases: ClassVar[Mapping[str, Case]]
    large_requests: ClassVar[int]
    large_gate: ClassVar[int] = 0
    large_without: ClassVar[Collection[str]] = ()  # cases that mean something else for a large file

    def half_done(self, bucket: Bucket) -> frozenset[str]:
        """The uploads that were begun and neither ended nor given up, where the provider tells."""
        return frozenset()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "request_" in metafunc.fixturenames:
            long = [pytest.param(n, marks=pytest.mark.exhaustive) for n in range(1, self.large_requests + 1)]
            metafunc.parametrize("request_", [*range(1, self.large_gate + 1), *long[self.large_gate :]])
        if "case" in metafunc.fixturenames:
            left_out = self.large_without if "request_" in metafunc.fixturenames else ()
            cases = {name: case for name, case in self.cases.items() if name not in left_out}
            metafunc.parametrize("case", cases.values(), ids=cases)

    @pytest.mark.parametrize("verb", VERBS)
    def test_a_verb_with_the_fault_once(self, bucket: Bucket, verb: str, case: Case, tmp_path: Path) -> None:
        if verb == "get_range" and case.fault == Altered():
            return  # nobody has a digest of a part: TLS is what keeps it whole
        bucket.through(VERBS[verb], case, first(case.fault), tmp_path)
        if VERBS[verb].leaves:  # a write is looked at
            bucket.through(VERBS[verb], case, at(2, case.fault), tmp_path)

    @pytest.mark.parametrize(
        "verb", [pytest.param(v, marks=() if v in _TOLD else pytest.mark.exhaustive) for v in VERBS]
    )
    def test_a_verb_with_the_fault_for_good(self, bucket: Bucket, verb: str, case: Case, tmp_path: Path) -> None:
        if isinstance(case.fault, (Slow, Altered)) and not VERBS[verb].leaves:
            return  # below
        bucket.through(VERBS[verb], case, lambda *_: case.fault, tmp_path)

    @pytest.mark.parametrize("verb", ["get", "list", "download"])
    @pytest.mark.parametrize("name", ["slow", "altered body"])
    def test_what_never_comes_right_is_never_taken_for_right(
        self, bucket: Bucket, verb: str, name: str, tmp_path: Path
    ) -> None:
        case, given = self.cases[name], bucket.given(tmp_path)
        bucket.proxy.begin(lambda *_: case.fault)
        with pytest.raises(case.told):
            VERBS[verb].call(bucket.under(case), given)

    def test_a_large_file_with_the_fault_at_every_request(
        self, bucket: Bucket, case: Case, request_: int, tmp_path: Path
    ) -> None:
        before = self.half_done(bucket)  # after a lost reply nobody knows of what was begun
        bucket.through(upload(bucket.large), case, at(request_, case.fault), tmp_path)
        if case.sure:
            assert self.half_done(bucket) == before

    def test_what_is_not_there_is_not_found_through_a_fault(self, bucket: Bucket) -> None:
        """A fault is no absence: state would start anew."""
        for case in self.cases.values():
            bucket.proxy.begin(lambda *_: case.fault)  # noqa: B023
            if isinstance(case.fault, (Slow, Altered)):
                continue
            try:
                bucket.under(case).get("not/there")
            except NotFound:
                assert not case.sure
                assert not hasattr(case.fault, "status"), case
            except case.told:
                pass
