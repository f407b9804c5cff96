import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.state.crashes import WHO
from toolkit.adapters.local.store import open_store
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain import codec, digest
from toolkit.ports.store import Store
from toolkit.state import audit, journal, keys
from toolkit.state.journal import Checkpoint, Journal
from toolkit.state.registry import Registry
from toolkit.state.triggers import Triggers


def fill(store: Store) -> None:
    for model in ("flights", "trains"):
        registry = Registry(store, model)
        for n in range(1, 5):
            registry.register(f"{n}" * 64, f"run-{n}", {"auc": n / 10}, op=f"register-{n}", **WHO)
            registry.move("champion", n, op=f"move-{n}", **WHO)
    Triggers(store, "flights").request("drift", "w1", **WHO)


@pytest.fixture
def sound(store: MemoryStore) -> MemoryStore:
    fill(store)
    return store


def test_a_sound_bucket_has_no_findings(sound: MemoryStore) -> None:
    heads = audit.heads(sound)
    assert {name: index for name, (index, _) in heads.items()} == {
        "registry/flights": 8,
        "registry/trains": 8,
        "triggers/flights": 1,
    }
    assert heads["registry/flights"][1] == Journal(sound, "registry/flights").head().digest
    assert audit.verify(sound) == []
    assert audit.verify(sound, heads) == []


def test_going_on_after_a_head_was_saved_is_no_finding(sound: MemoryStore) -> None:
    heads = audit.heads(sound)
    Registry(sound, "flights").move("champion", 1, op="later", **WHO)
    Registry(sound, "planes").register("1" * 64, "run-1", {}, op="first", **WHO)
    assert audit.verify(sound, heads) == []


def flips(data: bytes, generator: random.Random) -> list[bytes]:
    """The entry with one byte changed, for one byte of every class and of every field."""
    classes: dict[str, list[int]] = {}
    for at, byte in enumerate(data):
        kind = "digit" if 48 <= byte < 58 else "letter" if chr(byte).isalpha() else chr(byte)
        classes.setdefault(kind, []).append(at)
    for name in json.loads(data):
        classes[f"field {name}"] = [data.index(f'"{name}"'.encode()) + len(name) + 4]
    places = sorted({generator.choice(found) for found in classes.values()} | {0, len(data) - 1})
    changed = [data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :] for at in places for bit in (1, 32)]
    return [*changed, b"", data + b" ", data[:-1], data + data]


def test_every_flipped_byte_is_found_against_a_saved_head(sound: MemoryStore) -> None:
    heads = audit.heads(sound)
    generator = random.Random(7)
    tried = 0
    for index in range(1, 9):
        key = keys.entry("registry/flights", index)
        good = sound.get(key).data
        for bad in flips(good, generator):
            sound.put(key, bad)
            findings = audit.verify(sound, heads)
            assert findings, (index, bad)
            assert {finding.journal for finding in findings} == {"registry/flights"}
            assert any(abs(finding.index - index) <= 1 for finding in findings)
            if index < 8:
                assert audit.verify(sound), "the chain alone shows everything but the last entry"
            tried += 1
        sound.put(key, good)
    assert tried >= 300
    assert audit.verify(sound, heads) == []


def delete(store: Store, index: int) -> None:
    store.delete(keys.entry("registry/flights", index))


def swap(store: Store, one: str, other: str) -> None:
    first, second = store.get(one).data, store.get(other).data
    store.put(one, second)
    store.put(other, first)


@pytest.mark.parametrize("index", range(1, 9))
def test_every_deleted_entry_is_found(sound: MemoryStore, index: int) -> None:
    heads = audit.heads(sound)
    delete(sound, index)
    findings = audit.verify(sound, heads)
    assert any(f.journal == "registry/flights" and ("missing" in f.what or "cut off" in f.what) for f in findings)
    assert findings[0].index in {index, index - 1}


@pytest.mark.parametrize("left", range(8))
def test_every_cut_is_found_against_a_saved_head(sound: MemoryStore, left: int) -> None:
    heads = audit.heads(sound)
    for index in range(left + 1, 9):
        delete(sound, index)
    findings = audit.verify(sound, heads)
    assert [(f.index, f.what) for f in findings] == [
        (left, f"cut off: it reached entry 8 when its head was saved and ends at {left} now")
    ]


@pytest.mark.parametrize(("one", "other"), [(a, b) for a in range(1, 9) for b in range(a + 1, 9)])
def test_every_swap_is_found(sound: MemoryStore, one: int, other: int) -> None:
    swap(sound, keys.entry("registry/flights", one), keys.entry("registry/flights", other))
    findings = audit.verify(sound)
    assert any(f"entry {one} is a copy of entry {other}" in finding.what for finding in findings)


@pytest.mark.parametrize("index", range(1, 9))
def test_an_entry_of_another_journal_is_found(sound: MemoryStore, index: int) -> None:
    sound.put(keys.entry("registry/flights", index), sound.get(keys.entry("registry/trains", index)).data)
    assert any("of registry/trains" in finding.what for finding in audit.verify(sound))


def forge(store: Store, start: int, **changes: Any) -> None:
    """Change an entry and chain everything after it anew, as someone who knows the format would."""
    before = digest.of_bytes(store.get(keys.entry("registry/flights", start - 1)).data)
    for index in range(start, 9):
        key = keys.entry("registry/flights", index)
        document = {**json.loads(store.get(key).data), "prev": before, **(changes if index == start else {})}
        data = json.dumps(document).encode()
        store.put(key, data)
        before = digest.of_bytes(data)


@pytest.mark.parametrize("start", range(2, 9))
def test_a_forged_end_is_found_against_a_saved_head(sound: MemoryStore, start: int) -> None:
    heads = audit.heads(sound)
    forge(sound, start, actor="mallory")
    assert audit.verify(sound) == []  # what a chain alone cannot know
    assert [f.what for f in audit.verify(sound, heads)] == ["entry 8 is not the one whose digest was saved"]


@pytest.mark.parametrize(
    "key",
    [
        "journal/registry/flights/0000000000000009.txt",
        "journal/registry/flights/9.json",
        "journal/registry/flights/0000000000000000.json",
        "journal/registry/flights/0000000000000003.json.bak",
        "journal/notes",
    ],
)
def test_foreign_files_are_found(sound: MemoryStore, key: str) -> None:
    sound.put(key, b"hello")
    assert any(key in finding.what for finding in audit.verify(sound))


def test_a_planted_entry_is_found(sound: MemoryStore) -> None:
    sound.put(keys.entry("registry/flights", 9), sound.get(keys.entry("registry/flights", 8)).data)
    assert audit.verify(sound)
    sound.delete(keys.entry("registry/flights", 9))
    sound.put(keys.entry("registry/flights", 20), sound.get(keys.entry("registry/flights", 8)).data)
    assert any("entries 9-19 are missing" in finding.what for finding in audit.verify(sound))


def test_a_lying_checkpoint_is_found(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "CHECKPOINT_EVERY", 2)
    fill(store)
    key = keys.checkpoint("registry/flights")
    assert audit.verify(store) == []
    # Someone who knows the format: the champion is another one, and the checksum fits.
    saved = codec.decode(store.get(key).data, Checkpoint)
    saved.state["aliases"]["champion"]["last"]["version"] = 1
    forged = msgspec.structs.replace(saved, check="")
    store.put(key, codec.encode(msgspec.structs.replace(forged, check=journal._check(forged))))
    assert Registry(store, "flights").aliases() == {"champion": 1}, "the forgery works"
    assert [f.journal for f in audit.verify(store) if "checkpoint" in f.what] == ["registry/flights"]


def test_a_damaged_checkpoint_is_no_finding(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "CHECKPOINT_EVERY", 2)
    fill(store)
    store.put(keys.checkpoint("registry/flights"), b"bits")
    assert audit.verify(store) == []


def test_an_entry_of_a_newer_version_is_named_with_what_to_install(sound: MemoryStore) -> None:
    key = keys.entry("registry/flights", 8)
    sound.put(key, sound.get(key).data.replace(b'"format":1', b'"format":3'))
    assert any("has format 3" in finding.what for finding in audit.verify(sound))


def edit(folder: Path) -> None:
    path = folder / "journal/registry/flights/0000000000000003.json"
    path.write_bytes(path.read_bytes().replace(b"run-2", b"run-7"))


@pytest.mark.parametrize(
    "damage",
    [
        edit,
        lambda folder: (folder / "journal/registry/flights/0000000000000005.json").unlink(),
        lambda folder: shutil.rmtree(folder / "journal/triggers"),
        lambda folder: shutil.rmtree(folder / "journal"),
        lambda folder: (folder / "journal/registry/flights/extra.json").write_text("{}"),
    ],
)
def test_a_copied_bucket_is_verified_where_it_lies(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    fill(open_store({"store": str(tmp_path / "bucket")}))
    heads = audit.heads(open_store({"store": str(tmp_path / "bucket")}))
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "bucket", copy)
    assert audit.verify(open_store({"store": str(copy)}), heads) == []
    damage(copy)
    assert audit.verify(open_store({"store": str(copy)}), heads)
    assert audit.verify(open_store({"store": str(tmp_path / "bucket")}), heads) == []


def test_an_empty_bucket_is_sound(store: MemoryStore) -> None:
    assert audit.heads(store) == {}
    assert audit.verify(store) == []
    assert audit.verify(store, {"registry/flights": (3, "0" * 64)})[0].journal == "registry/flights"
