"""Files that come into a watched folder are told: each once it is whole, at least once, and again when they change."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from toolkit.adapters.local.events import new_data
from toolkit.adapters.local.store import LocalStore
from toolkit.adapters.local.watches import LocalWatches
from toolkit.domain.errors import ConfigError, Corrupt, NotFound
from toolkit.domain.newdata import WatchSpec
from toolkit.domain.specs import FunctionSpec
from toolkit.execution.host.folder import About, HostFolder
from toolkit.execution.watcher import SETTLED, SOURCE, Watcher

SPEC = WatchSpec(name="w", prefix="data/", function="f")


class Machine:
    """A store, the watches of its host, and a watcher whose clock stands where it is put."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(folder / "store")
        self.host = HostFolder(folder / "host")
        self.host.function("f").publish(FunctionSpec(name="f", bundle="b", bundle_key="k"), About())
        self.watches = LocalWatches(self.host, str(folder / "store"))
        self.told: list[dict[str, Any]] = []
        self.logged: list[str] = []
        self.failing = 0
        self.later = SETTLED * 2

    def look(self) -> list[str]:
        """Keys that this look told of."""
        before = len(self.told)

        def call(function: str, event: dict[str, Any]) -> None:
            assert function == "f"
            if self.failing:
                self.failing -= 1
                raise OSError("not yet")
            self.told.append(event)

        clock = datetime.now(UTC) + self.later
        watcher = Watcher(self.host.watches, call, clock=lambda: clock, log=self.logged.append, retry_seconds=0.0)
        watcher.look()
        return [event["uri"].partition("/store/")[2] for event in self.told[before:]]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_comes_is_told_and_what_was_there_is_not(machine: Machine) -> None:
    machine.store.put("data/before.csv", b"1")
    machine.watches.put(SPEC)
    assert machine.look() == []
    machine.store.put("data/a.csv", b"1")
    machine.store.put("data/deep/b.csv", b"2")
    machine.store.put("elsewhere/c.csv", b"3")
    assert machine.look() == ["data/a.csv", "data/deep/b.csv"]
    assert machine.look() == [], "by a later process too"
    machine.store.put("data/a.csv", b"changed")
    assert machine.look() == ["data/a.csv"]
    first, again = machine.told[0], machine.told[-1]
    (one,), (other,) = new_data(first) or (), new_data(again) or ()
    assert first["source"] == SOURCE
    assert one.uri == other.uri == machine.store.uri("data/a.csv")
    assert one.reason != other.reason, "another content is another reason"
    assert new_data({"source": "toolkit.schedule"}) is None


def test_a_key_that_is_a_folder_too_keeps_its_name(machine: Machine) -> None:
    machine.watches.put(SPEC)
    for key in ("data/a", "data/a/b", "data/c/d", "data/c"):
        machine.store.put(key, b"1")
    machine.look()
    seen = (machine.host.watches / "seen" / "w.json").read_text()
    assert all(f'"{key}"' in seen for key in ("data/a", "data/a/b", "data/c/d", "data/c"))


def test_what_is_still_being_copied_waits(machine: Machine) -> None:
    machine.watches.put(SPEC)
    machine.store.put("data/a.csv", b"half")
    machine.later = timedelta(0)
    assert machine.look() == []
    machine.later = SETTLED * 2
    assert machine.look() == ["data/a.csv"]


def test_a_call_that_fails_is_tried_again_and_given_up_with_a_line(machine: Machine) -> None:
    machine.watches.put(SPEC)
    machine.store.put("data/a.csv", b"1")
    machine.failing = 2
    assert machine.look() == ["data/a.csv"]
    assert machine.logged == []
    machine.store.put("data/b.csv", b"1")
    machine.failing = 3
    assert machine.look() == []
    assert machine.logged == ["watch w: f failed for data/b.csv: OSError: not yet"]
    assert machine.look() == []


def test_setting_it_again_forgets_nothing_and_replacing_begins_anew(machine: Machine) -> None:
    machine.watches.put(SPEC)
    machine.store.put("data/a.csv", b"1")
    machine.watches.put(SPEC)
    assert machine.look() == ["data/a.csv"]
    machine.store.put("data/b.csv", b"1")
    machine.watches.put(WatchSpec(name="w", prefix="data/b", function="f"))
    assert machine.look() == []
    assert [spec.prefix for spec in machine.watches.list()] == ["data/b"]
    machine.watches.delete("w")
    machine.watches.delete("w")
    assert list(machine.watches.list()) == []
    machine.store.put("data/b2.csv", b"1")
    assert machine.look() == []
    assert [path.name for path in machine.host.watches.rglob("*.json")] == []


def test_what_cannot_be_watched(machine: Machine) -> None:
    with pytest.raises(ConfigError, match="whole store"):
        machine.watches.put(WatchSpec(name="w", prefix="", function="f"))
    with pytest.raises(NotFound, match="'g' does not exist"):
        machine.watches.put(WatchSpec(name="w", prefix="data/", function="g"))


def test_a_file_that_nobody_can_read_stops_no_other(machine: Machine) -> None:
    machine.watches.put(SPEC)
    (machine.host.watches / "a.json").write_text("{")
    machine.store.put("data/a.csv", b"1")
    assert machine.look() == ["data/a.csv"]
    assert machine.logged[0].startswith("watch a: ")
    with pytest.raises(Corrupt, match="watch a is not readable"):
        list(machine.watches.list())


def test_a_file_of_the_person_beside_the_stores_own_is_one_too(machine: Machine, tmp_path: Path) -> None:
    machine.watches.put(SPEC)
    folder = tmp_path / "store" / "data"
    folder.mkdir(parents=True)
    (folder / ".hidden").write_text("1")
    (folder / "dropped.csv").write_text("1")
    os.utime(folder / "dropped.csv", (1, 1))  # copied with its old times
    assert machine.look() == ["data/dropped.csv"]
