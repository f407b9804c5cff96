"""What every store must do. A fresh, empty bucket a case; `second` is another opened handle on the same bucket."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from toolkit.domain.errors import AlreadyExists, ConfigError, NotFound, PreconditionFailed, Unsupported
from toolkit.ports.store import CREATE, OVERWRITE, Match, Meta, Store
from toolkit.testing.claims import Suite, claims

BAD_KEYS = ("", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".hidden", "a b", "a\nb", "ä", "a~", "a" * 901, "a\\b")


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run the calls in threads that start together; each one's result or the exception it raised, in order.
    Unsupported is raised: it is the answer of a store that does not claim what is tried."""
    results: list[object] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(index: int, call: Callable[[], object]) -> None:
        gate.wait()
        try:
            results[index] = call()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Unsupported):
            raise result
    return results


class StoreSuite(Suite):
    """Give the fixtures `store` and `second`."""

    # Reading and writing whole objects

    @claims("store.read", "store.write")
    def test_what_was_put_is_got(self, store: Store, second: Store) -> None:
        meta = store.put("folder/a.bin", b"\x00\xffhello")
        found = second.get("folder/a.bin")
        assert found.data == b"\x00\xffhello"
        assert found.meta == meta == second.head("folder/a.bin")
        assert (meta.key, meta.size) == ("folder/a.bin", 7)

    @claims("store.read", "store.write")
    def test_an_empty_object_is_an_object(self, store: Store) -> None:
        assert store.put("empty", b"").size == 0
        assert store.get("empty").data == b""
        assert store.get_range("empty", 0, 10) == b""

    @claims("store.read", "store.write")
    def test_five_mebibytes_in_one_put(self, store: Store) -> None:
        data = bytes(range(256)) * (5 * 1024**2 // 256)
        store.put("big", data)
        assert store.get("big").data == data

    @claims("store.write")
    def test_put_overwrites_by_default(self, store: Store, second: Store) -> None:
        store.put("a", b"longer than the next")
        second.put("a", b"new")
        assert store.get("a").data == b"new"
        assert store.head("a").size == 3

    @claims("store.read")
    @pytest.mark.parametrize("verb", ["get", "head", "range"])
    def test_what_is_not_there_is_not_found(self, store: Store, verb: str) -> None:
        calls: dict[str, Callable[[], object]] = {
            "get": lambda: store.get("no/such"),
            "head": lambda: store.head("no/such"),
            "range": lambda: store.get_range("no/such", 0, 1),
        }
        with pytest.raises(NotFound, match="no/such"):
            calls[verb]()

    @claims("store.read", "store.write")
    @pytest.mark.parametrize(
        ("start", "length", "expected"),
        [(0, 3, b"012"), (2, 3, b"234"), (8, 5, b"89"), (10, 5, b""), (50, 5, b""), (0, 100, b"0123456789")],
    )
    def test_a_range(self, store: Store, start: int, length: int, expected: bytes) -> None:
        store.put("digits", b"0123456789")
        assert store.get_range("digits", start, length) == expected

    @claims("store.write")
    def test_modified_is_a_time_that_does_not_go_back(self, store: Store) -> None:
        first = store.put("a", b"1").modified
        later = store.put("a", b"2").modified
        assert first.endswith("Z")
        assert later >= first
        assert store.head("a").modified == later

    @claims("store.write")
    def test_the_etag_changes_with_the_content(self, store: Store) -> None:
        assert store.put("a", b"1").etag != store.put("a", b"2").etag

    # Keys

    @claims("store.write")
    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_a_bad_key_is_refused_before_anything_is_sent(self, store: Store, key: str) -> None:
        calls: list[Callable[[], object]] = [
            lambda: store.put(key, b""),
            lambda: store.get(key),
            lambda: store.head(key),
            lambda: store.get_range(key, 0, 1),
            lambda: store.delete(key),
            lambda: store.upload(key, Path(__file__)),
        ]
        for call in calls:
            with pytest.raises(ConfigError):
                call()

    @claims("store.read", "store.write")
    @pytest.mark.parametrize("key", ["a=b@c+d-e_f.g", "A/Z/0", "x" * 200, "/".join(["d" * 80] * 11), "ends.", "a-"])
    def test_every_allowed_key(self, store: Store, key: str) -> None:
        store.put(key, b"here")
        assert store.get(key).data == b"here"
        assert [meta.key for meta in store.list()] == [key]

    @claims("store.read", "store.write", "store.create")
    @pytest.mark.parametrize("order", [("a", "a/b", "a/b/c"), ("a/b/c", "a/b", "a"), ("a/b", "a", "a/b/c")])
    def test_a_key_may_be_the_beginning_of_another(self, store: Store, second: Store, order: tuple[str, ...]) -> None:
        for key in order:
            store.put(key, key.encode(), CREATE)
        for key in order:
            assert second.get(key).data == key.encode()
            with pytest.raises(AlreadyExists):
                second.put(key, b"again", CREATE)
        assert [meta.key for meta in second.list()] == ["a", "a/b", "a/b/c"]
        assert [meta.key for meta in second.list("a/")] == ["a/b", "a/b/c"]
        store.put("a/b", b"over")
        assert second.get("a/b").data == b"over"
        store.delete("a/b")
        assert [meta.key for meta in second.list()] == ["a", "a/b/c"]

    # Create

    @claims("store.create")
    def test_create_loses_to_what_is_there(self, store: Store, second: Store) -> None:
        first = store.put("a", b"first", CREATE)
        with pytest.raises(AlreadyExists):
            second.put("a", b"second", CREATE)
        assert store.get("a").data == b"first"
        assert store.head("a") == first

    @claims("store.create")
    def test_create_of_equal_bytes_loses_too(self, store: Store, second: Store) -> None:
        store.put("a", b"same", CREATE)
        with pytest.raises(AlreadyExists):
            second.put("a", b"same", CREATE)

    @claims("store.create")
    def test_create_after_delete(self, store: Store) -> None:
        store.put("d/a", b"1", CREATE)
        store.delete("d/a")
        store.put("d/a", b"2", CREATE)
        assert store.get("d/a").data == b"2"

    @claims("store.create")
    @pytest.mark.parametrize("round_", range(10))
    def test_of_many_creators_one_wins(self, store: Store, second: Store, round_: int) -> None:
        def create(handle: Store, data: bytes) -> Callable[[], Meta]:
            return lambda: handle.put(f"race/{round_}", data, CREATE)

        bodies = [f"writer {n}".encode() * 100 for n in range(8)]
        results = at_once(*(create((store, second)[n % 2], body) for n, body in enumerate(bodies)))
        winners = [n for n, result in enumerate(results) if isinstance(result, Meta)]
        assert len(winners) == 1
        assert all(isinstance(r, AlreadyExists) for n, r in enumerate(results) if n != winners[0])
        assert store.get(f"race/{round_}").data == bodies[winners[0]]

    # Match

    @claims("store.swap")
    def test_match_replaces_what_was_last_seen(self, store: Store, second: Store) -> None:
        first = store.put("a", b"1")
        swapped = second.put("a", b"2", Match(first.etag))
        assert store.get("a").data == b"2"
        assert store.head("a").etag == swapped.etag

    @claims("store.swap")
    def test_match_fails_on_what_was_changed(self, store: Store, second: Store) -> None:
        first = store.put("a", b"1")
        second.put("a", b"2")
        with pytest.raises(PreconditionFailed):
            store.put("a", b"3", Match(first.etag))
        assert store.get("a").data == b"2"

    @claims("store.swap")
    def test_match_fails_where_nothing_is(self, store: Store) -> None:
        etag = store.put("a", b"1").etag
        store.delete("a")
        with pytest.raises(PreconditionFailed):
            store.put("a", b"2", Match(etag))
        with pytest.raises(NotFound):
            store.get("a")

    @claims("store.swap")
    def test_no_swap_is_lost(self, store: Store, second: Store) -> None:
        store.put("counter", b"0")

        def add(handle: Store) -> Callable[[], int]:
            def run() -> int:
                done = 0
                while done < 10:
                    seen = handle.get("counter")
                    try:
                        # The writer's own name in the body: an etag may be a content hash (see FACTS, ABA).
                        handle.put("counter", str(int(seen.data) + 1).encode(), Match(seen.meta.etag))
                        done += 1
                    except PreconditionFailed:
                        continue
                return done

            return run

        assert at_once(add(store), add(second), add(store), add(second)) == [10] * 4
        assert store.get("counter").data == b"40"

    # Whole or not at all

    @claims("store.write")
    def test_a_reader_never_sees_half_a_write(self, store: Store, second: Store) -> None:
        bodies = [bytes([n]) * 200_000 for n in range(4)]
        store.put("a", bodies[0])

        def write() -> str:
            for n in range(40):
                store.put("a", bodies[n % 4])
            return "done"

        def read() -> int:
            return sum(second.get("a").data not in bodies for _ in range(80))

        assert at_once(write, read, read) == ["done", 0, 0]

    # Listing

    @claims("store.read", "store.write")
    def test_list_is_in_bytewise_order(self, store: Store) -> None:
        keys = ["b", "a/z", "a-b", "a.b", "a0", "a/b/c", "A", "a=1/x", "a_b/c", "aa", "a+b", "a@b"]
        for key in keys:
            store.put(key, b"")
        assert [meta.key for meta in store.list()] == sorted(keys, key=str.encode)

    @claims("store.read", "store.write")
    @pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/b/", "a/b/1", "b", "c", "a/b/1/"])
    @pytest.mark.parametrize("after", ["", "a", "a/b", "a/b/1", "a/b/1x", "a/b0", "a/c", "zzz"])
    def test_list_by_prefix_and_after(self, store: Store, prefix: str, after: str) -> None:
        keys = ["a/b/1", "a/b/10", "a/b/2", "a/b-c", "a/bc/1", "a/c", "ab", "b/1", "c"]
        for key in keys:
            store.put(key, key.encode())
        found = list(store.list(prefix, after=after))
        assert [meta.key for meta in found] == sorted(k for k in keys if k.startswith(prefix) and k > after)
        for meta in found:
            assert meta == store.head(meta.key)

    @claims("store.read", "store.write")
    @pytest.mark.parametrize("prefix", ["../", "..", "/", "//", "a//", "a/./", "a/../", ".", " ", "b/"])
    def test_a_prefix_that_no_key_has_lists_nothing(self, store: Store, prefix: str) -> None:
        store.put("a/b", b"")
        store.put("c", b"")
        assert list(store.list(prefix)) == []

    @claims("store.read", "store.write")
    def test_list_goes_past_one_page(self, store: Store) -> None:
        keys = [f"many/{n:04d}" for n in range(1003)]
        for key in keys:
            store.put(key, b"")
        assert [meta.key for meta in store.list("many/")] == keys
        assert [meta.key for meta in store.list("many/", after="many/0999")] == keys[1000:]

    @claims("store.read", "store.write")
    def test_list_sees_a_write_at_once(self, store: Store, second: Store) -> None:
        for n in range(20):
            store.put(f"n/{n:02d}", b"")
            assert len(list(second.list("n/"))) == n + 1

    @claims("store.read")
    def test_an_empty_bucket_lists_nothing(self, store: Store) -> None:
        assert list(store.list()) == []
        assert list(store.list("runs/")) == []

    # Deleting

    @claims("store.write")
    def test_deleted_is_gone(self, store: Store, second: Store) -> None:
        store.put("d/a", b"1")
        store.put("d/b", b"2")
        second.delete("d/a")
        with pytest.raises(NotFound):
            store.get("d/a")
        assert [meta.key for meta in store.list()] == ["d/b"]

    @claims("store.write")
    def test_deleting_what_is_not_there(self, store: Store) -> None:
        store.delete("no/such")
        store.put("a", b"")
        store.delete("a/b")
        assert store.get("a").data == b""

    # Files

    @claims("store.files")
    def test_files_go_up_and_down(self, store: Store, second: Store, tmp_path: Path) -> None:
        folder = tmp_path / "files"
        folder.mkdir()
        source, copy = folder / "source", folder / "copy"
        source.write_bytes(bytes(range(256)) * 50_000)
        meta = store.upload("files/a", source)
        assert meta.size == source.stat().st_size
        assert second.download("files/a", copy) == second.head("files/a")
        assert copy.read_bytes() == source.read_bytes()
        assert sorted(p.name for p in folder.iterdir()) == ["copy", "source"]

    @claims("store.files", "store.create", "store.swap")
    def test_upload_keeps_the_modes(self, store: Store, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"new")
        first = store.put("a", b"old")
        with pytest.raises(AlreadyExists):
            store.upload("a", source, CREATE)
        with pytest.raises(PreconditionFailed):
            store.upload("a", source, Match("another"))
        assert store.get("a").data == b"old"
        store.upload("a", source, Match(first.etag))
        assert store.get("a").data == b"new"
        store.upload("a", source, OVERWRITE)

    @claims("store.files")
    def test_download_replaces_or_leaves_alone(self, store: Store, tmp_path: Path) -> None:
        target = tmp_path / "target"
        target.write_bytes(b"mine")
        with pytest.raises(NotFound):
            store.download("no/such", target)
        assert target.read_bytes() == b"mine"
        store.put("a", b"theirs")
        store.download("a", target)
        assert target.read_bytes() == b"theirs"

    @claims("store.files")
    def test_uploading_a_file_that_is_not_there(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="nothing"):
            store.upload("a", tmp_path / "nothing")
        assert list(store.list()) == []

    # URI

    @claims("store.uri", "store.write")
    def test_the_uri_names_the_key(self, store: Store) -> None:
        store.put("folder/a.txt", b"")
        whole, top = urlsplit(store.uri("folder/a.txt")), urlsplit(store.uri())
        assert whole.scheme == top.scheme
        assert whole.scheme
        assert whole.path.startswith(top.path.rstrip("/") + "/")
        assert whole.path.endswith("/folder/a.txt")
