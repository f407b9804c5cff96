import errno
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolkit.adapters.local import store as module
from toolkit.adapters.local.store import STALE_SECONDS, WORK, open_store
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    StorageFull,
    ToolkitError,
    Unavailable,
)
from toolkit.ports.store import CREATE, OVERWRITE, Match, Mode, Store

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def store(folder: Path) -> Store:
    return open_store({"store": str(folder)})


def left_over(folder: Path) -> list[str]:
    parts = folder / WORK / "parts"
    return [path.name for path in parts.iterdir()] if parts.exists() else []


def test_a_folder_has_to_be_absolute() -> None:
    with pytest.raises(ConfigError, match="absolute"):
        open_store({"store": "relative"})


def test_opening_writes_nothing(folder: Path, store: Store) -> None:
    assert list(store.list()) == []
    assert not folder.exists()


def test_a_key_is_the_path_it_spells(folder: Path, store: Store) -> None:
    store.put("data/2013/part.parquet", b"rows")
    assert (folder / "data/2013/part.parquet").read_bytes() == b"rows"
    assert store.uri("data/2013/part.parquet") == (folder / "data/2013/part.parquet").as_uri()
    assert store.uri() == folder.as_uri()
    store.put("data/2013", b"and a file")
    assert store.uri("data/2013") == (folder / "data/2013~").as_uri()


def test_a_copied_bucket_opens_as_it_lies(folder: Path, store: Store) -> None:
    """As a download of a cloud bucket makes it: files at the paths of their keys."""
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/c").write_bytes(b"copied")
    assert store.get("a/b/c").data == b"copied"
    assert [meta.key for meta in store.list()] == ["a/b/c"]
    store.put("a/b/c", b"new", Match(store.head("a/b/c").etag))


def test_files_that_cannot_be_objects_are_passed_over(folder: Path, store: Store) -> None:
    store.put("a/b", b"")
    (folder / "a/.DS_Store").write_bytes(b"")
    (folder / "a/my notes.txt").write_bytes(b"")
    (folder / ".git").mkdir()
    (folder / ".git/config").write_bytes(b"")
    assert [meta.key for meta in store.list()] == ["a/b"]


def test_the_etag_is_of_the_write_not_of_the_bytes(store: Store) -> None:
    """A to B and back to A: whoever saw the first A must not match the second."""
    seen = {store.put("a", body).etag for body in [b"A", b"B"] * 150}
    assert len(seen) == 300
    first = store.put("a", b"A")
    store.put("a", b"B")
    store.put("a", b"A")
    with pytest.raises(PreconditionFailed):
        store.put("a", b"C", Match(first.etag))


def test_modified_is_now(store: Store) -> None:
    from toolkit.domain import times

    before = times.now()
    modified = store.put("a", b"").modified
    assert before <= modified <= times.now()


def test_deleting_the_last_object_leaves_no_folders(folder: Path, store: Store) -> None:
    store.put("a/b/c/d", b"")
    store.put("a/x", b"")
    store.delete("a/b/c/d")
    assert sorted(path.name for path in (folder / "a").iterdir()) == ["x"]
    store.delete("a/x")
    assert not (folder / "a").exists()


def test_creating_and_deleting_in_one_folder_at_once(store: Store) -> None:
    """A delete prunes the folder that a put is about to write into."""
    failures: list[Exception] = []

    def work(name: str) -> None:
        try:
            for _ in range(60):
                store.put(f"deep/er/{name}", b"x", CREATE)
                store.delete(f"deep/er/{name}")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(store.list()) == []


def test_a_bucket_that_was_emptied_under_an_open_handle(folder: Path, store: Store) -> None:
    import shutil

    store.put("a", b"1")
    shutil.rmtree(folder)
    with pytest.raises(NotFound):
        store.get("a")
    store.put("a", b"2", CREATE)
    assert store.get("a").data == b"2"


def test_what_dead_processes_left_is_cleared_when_it_is_stale(folder: Path, store: Store) -> None:
    store.put("a", b"")
    parts = folder / WORK / "parts"
    (parts / "old").write_bytes(b"half")
    (parts / "young").write_bytes(b"half")
    old = time.time() - STALE_SECONDS - 1
    os.utime(parts / "old", (old, old))
    assert [meta.key for meta in store.list()] == ["a"]
    open_store({"store": str(folder)}).put("b", b"")
    assert left_over(folder) == ["young"]


def test_a_lock_that_a_stopped_process_holds_is_unavailable_and_creates_go_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)
    store.put("a", b"1")
    with store._locked("a"):  # type: ignore[attr-defined]
        with pytest.raises(Unavailable, match="holds its lock"):
            store.put("a", b"2")
        store.put("fresh/a", b"", CREATE)
    store.put("a", b"2")


# Failing system calls: the right error, nothing half written, nothing left behind

MODES: list[Mode] = [CREATE, OVERWRITE]


def fail(monkeypatch: pytest.MonkeyPatch, call: str, number: int, after: int = 0) -> None:
    """The system call fails with that errno, from its `after`-th call on."""
    real: Callable[..., Any] = getattr(os, call)
    calls = iter(range(1_000_000))

    def failing(*args: Any, **kwargs: Any) -> Any:
        if next(calls) >= after:
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, failing)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EACCES, PermissionDenied),
        (errno.EROFS, PermissionDenied),
        (errno.EIO, Unavailable),
    ],
)
@pytest.mark.parametrize("call", ["mkdir", "fsync", "utime"])
@pytest.mark.parametrize("mode", MODES)
def test_a_failing_call_is_named_and_leaves_nothing(
    folder: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    expected: type[ToolkitError],
    mode: Mode,
) -> None:
    store.put("other", b"")
    with monkeypatch.context() as patch:
        fail(patch, call, number)
        with pytest.raises(expected, match="new/key") as caught:
            store.put("new/key", b"x" * 1000, mode)
    assert isinstance(caught.value.__cause__, OSError)
    assert left_over(folder) == []
    assert [meta.key for meta in store.list()] == ["other"]
    store.put("new/key", b"x", mode)


def test_hints_say_where_to_look(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, "fsync", errno.ENOSPC)
    with pytest.raises(StorageFull) as caught:
        store.put("a", b"")
    assert caught.value.hint == f"free some space: df -h {folder}"


def test_a_full_disk_keeps_the_object_that_was_there(folder: Path) -> None:
    """A real limit: the kernel takes some of the bytes and refuses the rest."""
    program = f"""
import resource, signal
from toolkit.adapters.local.store import open_store
from toolkit.domain.errors import StorageFull
store = open_store({{"store": {str(folder)!r}}})
store.put("a", b"before")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.put("a", b"x" * 10_000_000)
except StorageFull as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "cannot write a in" in done.stdout
    assert resource.RLIMIT_FSIZE
    assert open_store({"store": str(folder)}).get("a").data == b"before"
    assert left_over(folder) == []


def test_without_hard_links_create_is_still_create(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, "link", errno.EPERM)
    store.put("a", b"1", CREATE)
    with pytest.raises(AlreadyExists):
        store.put("a", b"2", CREATE)
    results: list[str] = []

    def create(number: int) -> None:
        try:
            open_store({"store": str(folder)}).put("b", b"%d" % number, CREATE)
            results.append("won")
        except AlreadyExists:
            results.append("lost")

    threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["lost"] * 5 + ["won"]


def test_a_store_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in ("file", "file/below"):
        broken = open_store({"store": str(tmp_path / path)})
        with pytest.raises(ConfigError, match="is not a folder"):
            broken.put("a", b"")
        with pytest.raises(NotFound):
            broken.get("a")
        assert list(broken.list()) == []


def test_reading_without_permission(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("a/b", b"")
    for call, use in (("stat", lambda: store.head("a/b")), ("scandir", lambda: list(store.list()))):
        with monkeypatch.context() as patch:
            fail(patch, call, errno.EACCES)
            with pytest.raises(PermissionDenied):
                use()


def test_downloading_to_where_nothing_can_be_written(store: Store, tmp_path: Path) -> None:
    store.put("a", b"")
    with pytest.raises(ToolkitError, match="nowhere"):
        store.download("a", tmp_path / "nowhere" / "a")


# Start-up: it is opened inside functions


def test_it_imports_nothing_heavy() -> None:
    program = "import sys; import toolkit.adapters.local.store; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    known = sys.stdlib_module_names | {"toolkit", "msgspec", "typing_extensions", "__main__"}
    # What the environment itself loads at start (editable installs, coverage hooks) comes with leading underscores.
    assert {name for name in packages - known if not name.startswith("_")} <= {"sitecustomize", "distutils-precedence"}
