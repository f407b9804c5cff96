from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.state.crashes import NOW, WHO
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.errors import ConfigError, Conflict, NotFound
from toolkit.state.registry import Registry
from toolkit.testing.faults import FaultyStore


def filled(store: MemoryStore, count: int = 3) -> Registry:
    registry = Registry(store, "flights")
    for n in range(1, count + 1):
        registry.register(f"{n}" * 64, f"run-{n}", {"auc": n / 10}, op=f"register-{n}", **WHO)
    return registry


def test_versions_count_up(store: MemoryStore) -> None:
    registry = filled(store)
    assert [version.version for version in registry.versions()] == [1, 2, 3]
    second = registry.version(2)
    assert (second.digest, second.run_id, second.metrics) == ("2" * 64, "run-2", {"auc": 0.2})
    assert (second.actor, second.created) == ("ann", NOW)
    assert Registry(store, "flights").versions() == registry.versions()


def test_the_same_model_again_is_the_same_version(store: MemoryStore) -> None:
    registry = filled(store)
    assert registry.register("2" * 64, "run-2", {}, op="again", **WHO).version == 2
    assert registry.register("9" * 64, "run-9", {}, op="register-1", **WHO).version == 1, "the operation id decides"
    assert registry.register("2" * 64, "run-7", {}, op="another run", **WHO).version == 4
    assert len(registry.versions()) == 4


def test_metrics_that_are_no_numbers_are_left_out(store: MemoryStore) -> None:
    registry = Registry(store, "flights")
    metrics = {"auc": 0.5, "nan": float("nan"), "inf": float("inf")}
    assert registry.register("1" * 64, "run", metrics, op="r", **WHO).metrics == {"auc": 0.5}
    assert Registry(store, "flights").version(1).metrics == {"auc": 0.5}


def test_an_alias_moves_and_rolls_back(store: MemoryStore) -> None:
    registry = filled(store)
    assert registry.aliases() == {}
    assert registry.holder("champion") is None
    assert registry.previous("champion") is None
    first = registry.move("champion", 1, reason="first", op="m1", **WHO)
    assert (first.alias, first.version, first.previous, first.reason, first.entry) == ("champion", 1, 0, "first", 4)
    registry.move("champion", 2, op="m2", **WHO)
    registry.move("challenger", 3, op="m3", **WHO)
    assert registry.aliases() == {"champion": 2, "challenger": 3}
    assert registry.previous("champion") == 1
    back = registry.rollback("champion", reason="bad", op="b1", **WHO)
    assert (back.version, back.previous, back.rollback) == (1, 2, True)
    assert registry.previous("champion") is None
    assert registry.promotion("champion") == back
    holder = registry.holder("champion")
    assert holder is not None
    assert holder.version == 1
    with pytest.raises(NotFound, match="no holder before"):
        registry.rollback("champion", op="b2", **WHO)
    assert [entry.body["do"] for entry in registry.history()] == ["register"] * 3 + ["move"] * 4


def test_moving_to_the_holder_is_the_move_that_made_it_so(store: MemoryStore) -> None:
    registry = filled(store)
    first = registry.move("champion", 1, op="m1", **WHO)
    assert registry.move("champion", 1, expect=0, op="m2", actor="bob", time=NOW) == first
    assert len(registry.history()) == 4


def test_an_alias_can_be_taken_from_everybody(store: MemoryStore) -> None:
    registry = filled(store)
    registry.move("challenger", 3, op="m1", **WHO)
    registry.move("challenger", 0, op="m2", **WHO)
    assert registry.aliases() == {}
    assert registry.holder("challenger") is None
    registry.move("challenger", 3, op="m3", **WHO)
    assert registry.previous("challenger") is None


def test_a_wrong_expectation_is_a_conflict_that_names_the_winner(store: MemoryStore) -> None:
    registry = filled(store)
    registry.move("champion", 1, op="m1", actor="bob", time="2026-02-02T00:00:00Z")
    with pytest.raises(Conflict) as caught:
        registry.move("champion", 2, expect=0, op="m2", **WHO)
    assert "champion of flights is not held by nobody any more" in caught.value.message
    assert "bob gave it to version 1 at 2026-02-02T00:00:00Z (entry 4)" in caught.value.message
    with pytest.raises(Conflict):
        registry.rollback("champion", expect=2, op="m3", **WHO)


def test_a_move_loses_to_one_that_came_between(store: MemoryStore) -> None:
    filled(store)
    rival = Registry(store, "flights")

    class Interrupted(FaultyStore):
        """The rival is faster by one entry, at the moment of our write."""

        def put(self, key: str, data: bytes, mode: Any = None) -> Any:
            if key.endswith("0004.json") and not rival.aliases():
                rival.move("champion", 3, op="rival", actor="bob", time=NOW)
            return super().put(key, data, mode)

    with pytest.raises(Conflict, match="bob gave it to version 3"):
        Registry(Interrupted(store), "flights").move("champion", 2, op="mine", **WHO)
    assert rival.aliases() == {"champion": 3}


def test_what_is_not_there(store: MemoryStore) -> None:
    registry = filled(store)
    for number in (0, 4, -1):
        with pytest.raises(NotFound, match="no version"):
            registry.version(number)
    with pytest.raises(NotFound, match="no version 9"):
        registry.move("champion", 9, op="m", **WHO)
    with pytest.raises(ConfigError):
        registry.move("The Champion", 1, op="m", **WHO)


def test_models_with_a_registry(store: MemoryStore) -> None:
    for model in ("trains", "flights", "flights-2"):
        Registry(store, model).register("1" * 64, "run", {}, op="r", **WHO)
    assert sorted(Registry.models(store)) == ["flights", "flights-2", "trains"]


def test_a_look_for_a_new_champion_is_one_request(store: MemoryStore) -> None:
    registry = filled(store)
    registry.move("champion", 1, op="m1", **WHO)
    watched = FaultyStore(store)
    seen = Registry(watched, "flights")
    seen.aliases()
    watched.calls.clear()
    assert seen.aliases() == {"champion": 1}
    assert len(watched.calls) == 1
    registry.move("champion", 2, op="m2", **WHO)
    assert seen.aliases() == {"champion": 2}


@given(moves=st.lists(st.integers(-1, 4), max_size=30))
def test_rolling_back_retraces_the_moves(moves: list[int]) -> None:
    """-1 rolls back; the model keeps the holders as a stack."""
    store = MemoryStore("rollback")
    for meta in list(store.list()):
        store.delete(meta.key)
    registry = filled(store, 4)
    holder, trail = 0, list[int]()
    for n, to in enumerate(moves):
        if to == -1:
            if not trail:
                with pytest.raises(NotFound):
                    registry.rollback("champion", op=f"{n}", **WHO)
                continue
            registry.rollback("champion", op=f"{n}", **WHO)
            holder = trail.pop()
        else:
            registry.move("champion", to, op=f"{n}", **WHO)
            if to != holder and holder:
                trail.append(holder)
            holder = to
        while trail and trail[-1] == holder:
            trail.pop()
        fresh = Registry(store, "flights")
        assert fresh.aliases() == ({"champion": holder} if holder else {})
        assert fresh.previous("champion") == (trail[-1] if trail else None)
