from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from toolkit.adapters.memory.store import MemoryStore, forget
from toolkit.domain.errors import Conflict
from toolkit.domain.records import Release
from toolkit.engine.rollout import Abort, Begin, Hold, Resume, Ruled
from toolkit.engine.rollouts import Rollouts
from toolkit.state import patience
from toolkit.testing.faults import FaultyStore, lossy

BEGIN = Begin(champion=1, challenger=2, shares=(0.1, 1.0), time="2026-01-01T00:00:00Z")
RELEASE = Release(
    endpoint="e", target="t", model="m", model_version=2, model_digest="d", bundle="b", function="f",
    function_version="2", url="u",
)  # fmt: skip


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryStore]:
    monkeypatch.setattr(patience, "sleep", lambda seconds: None)
    name = uuid4().hex
    yield MemoryStore(name)
    forget(name)


def _ruled(**fields: Any) -> Ruled:
    given = {"challenger": 2, "stage": 0, "phase": "canary", "ruling": "advance", "why": "w", "time": "t", **fields}
    return Ruled(**given)


def test_a_rollout_is_remembered_with_how_it_was_begun(store: MemoryStore) -> None:
    rollouts = Rollouts(store, "t", "e", actor="ann")
    rollouts.begin(BEGIN, RELEASE, {"bake": "10m"}, op="one")
    rollouts.happened(_ruled(), op="r1", detail={"log_e": 0.1})
    again = Rollouts(store, "t", "e").standing()
    assert (again.rollout.phase, again.release, again.how, again.number) == ("baking", RELEASE, {"bake": "10m"}, 1)
    story = Rollouts(store, "t", "e").story()
    assert [(e.actor, e.body["event"]["type"]) for e in story] == [("ann", "Begin"), ("ann", "Ruled")]


def test_the_same_happening_is_written_once(store: MemoryStore) -> None:
    rollouts = Rollouts(store, "t", "e")
    rollouts.begin(BEGIN, RELEASE, {}, op="one")
    for _ in range(3):
        rollouts.happened(_ruled(), op="r1")
    assert (rollouts.standing().rollout.phase, len(rollouts.story())) == ("baking", 2)


def test_what_does_not_fit_is_not_written(store: MemoryStore) -> None:
    rollouts = Rollouts(store, "t", "e")
    with pytest.raises(Conflict):
        rollouts.happened(Resume(time="t"), op="x")
    rollouts.begin(BEGIN, RELEASE, {}, op="one")
    with pytest.raises(Conflict, match="version 2 is canary"):
        rollouts.begin(BEGIN, RELEASE, {}, op="two")
    assert len(rollouts.story()) == 1


def test_of_a_tick_and_a_person_at_once_one_has_won(store: MemoryStore) -> None:
    Rollouts(store, "t", "e").begin(BEGIN, RELEASE, {}, op="one")
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def act(event: Any, op: str) -> None:
        rollouts = Rollouts(store, "t", "e")
        barrier.wait()
        try:
            outcomes.append(rollouts.happened(event, op=op).rollout.phase)
        except Conflict:
            outcomes.append("lost")

    events = [(_ruled(), "tick"), (_ruled(ruling="back"), "judge"), (Abort(why="no"), "ann"), (Hold(why="h"), "bob")]
    threads = [threading.Thread(target=act, args=pair) for pair in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = Rollouts(store, "t", "e").story()
    assert len(written) - 1 == sum(outcome != "lost" for outcome in outcomes)
    assert Rollouts(store, "t", "e").standing().rollout.phase in {"baking", "rolled back", "held"}


def test_lost_replies_write_nothing_twice(store: MemoryStore) -> None:
    rollouts = Rollouts(FaultyStore(store, lossy(0.4, 3)), "t", "e")
    rollouts.begin(BEGIN, RELEASE, {}, op="one")
    rollouts.happened(_ruled(), op="r1")
    rollouts.happened(_ruled(stage=1, phase="baking"), op="r2")
    assert Rollouts(store, "t", "e").standing().rollout.phase == "promoted"
    assert len(Rollouts(store, "t", "e").story()) == 3
