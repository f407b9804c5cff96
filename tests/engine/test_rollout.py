"""The machine by example, then all of it: every order of events, with a crash at every call of a tick."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.domain.errors import ConfigError, Conflict
from toolkit.engine import rollout
from toolkit.engine.rollout import Abort, Begin, Event, Hold, Resume, Retrain, Rollout, Ruled, Settle, Trained, step

BEGIN = Begin(champion=1, challenger=2, shares=(0.1, 1.0), time="t0")


def _ruled(state: Rollout, ruling: str) -> Ruled:
    phase = state.held or state.phase
    return Ruled(
        challenger=state.challenger, stage=state.stage, phase=phase, ruling=ruling, why=ruling, time="t1"  # type: ignore[arg-type]
    )  # fmt: skip


def _after(*rulings: str, shadow: bool = False) -> Rollout:
    state = step(Rollout(champion=1), Begin(champion=1, challenger=2, shares=(0.1, 1.0), time="t0", shadow=shadow))
    for ruling in rulings:
        state = step(state, _ruled(state, ruling))
    return state


def test_a_canary_goes_all_the_way() -> None:
    assert (_after().phase, _after().weights) == ("canary", {1: 0.9, 2: 0.1})
    assert (_after("advance").phase, _after("advance").weights) == ("baking", {2: 1.0})
    promoted = _after("advance", "advance")
    assert (promoted.phase, promoted.champion, promoted.weights) == ("promoted", 2, {2: 1.0})


@pytest.mark.parametrize("good", [0, 1])
def test_back_is_back_to_the_champion_from_everywhere(good: int) -> None:
    state = _after(*["advance"] * good, "back")
    assert (state.phase, state.champion, state.challenger, state.weights) == ("rolled back", 1, 2, {1: 1.0})


def test_a_shadow_answers_nobody() -> None:
    state = _after(shadow=True)
    assert (state.phase, state.shadowed, state.weights) == ("shadow", 2, {1: 1.0})
    assert _after("advance", shadow=True).phase == "canary"


def test_held_keeps_the_traffic_where_it_is_and_resumes_the_stage() -> None:
    held = step(_after(), Hold(why="lunch"))
    assert (held.phase, held.weights) == ("held", {1: 0.9, 2: 0.1})
    with pytest.raises(Conflict):
        step(held, _ruled(held, "advance"))
    resumed = step(held, Resume(time="t9"))
    assert (resumed.phase, resumed.since, resumed.stage) == ("canary", "t9", 0)
    assert step(held, Abort(why="no")).phase == "rolled back"


def test_a_ruling_of_another_stage_does_not_count() -> None:
    early = _after()
    with pytest.raises(Conflict):
        step(_after("advance"), _ruled(early, "advance"))


def test_one_thing_at_a_time() -> None:
    busy = _after()
    for event in (BEGIN, Settle(version=3), Retrain(key="k", time="t")):
        with pytest.raises(Conflict, match="version 2 is canary"):
            step(busy, event)
    training = step(Rollout(champion=1), Retrain(key="k", time="t"))
    with pytest.raises(Conflict, match="it is retraining"):
        step(training, BEGIN)
    with pytest.raises(Conflict):
        step(training, Trained(key="another"))
    assert step(training, Trained(key="k")).phase == "idle"


def test_begin_needs_a_champion_and_another_version() -> None:
    for wrong in (
        Begin(champion=0, challenger=2, shares=(1.0,), time="t"),
        Begin(champion=1, challenger=1, shares=(1.0,), time="t"),
        Begin(champion=3, challenger=2, shares=(1.0,), time="t"),
    ):
        with pytest.raises(Conflict):
            step(Rollout(champion=1), wrong)


@pytest.mark.parametrize(
    ("text", "found"), [("10%", (0.1, 1.0)), ("5%,25%,100%", (0.05, 0.25, 1.0)), ("5, 50", (0.05, 0.5, 1.0))]
)
def test_shares(text: str, found: tuple[float, ...]) -> None:
    assert rollout.shares(text) == pytest.approx(found)


@pytest.mark.parametrize("text", ["", "0%", "-5%", "120%", "50%,10%", "10%,10%", "a lot", "nan"])
def test_shares_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="shares"):
        rollout.shares(text)


_MOVING: tuple[Literal["shadow", "canary", "baking"], ...] = ("shadow", "canary", "baking")
_RULINGS: tuple[Literal["advance", "back"], ...] = ("advance", "back")
Node = tuple[Rollout, tuple[tuple[int, float], ...], int]


class World:
    """What the calls reach: who is asked (`routed`), who is champion on record. A crash leaves it as it is."""

    def __init__(self, routed: tuple[tuple[int, float], ...], champion: int) -> None:
        self.routed, self.champion = routed, champion

    @property
    def seen(self) -> tuple[object, ...]:
        return (self.routed, self.champion)


def _calls(state: Rollout, world: World) -> Iterator[str]:
    """What a reconciling tick does, call by call: compare, then call. It may stop after any of them."""
    wanted = tuple(sorted(state.weights.items()))
    if wanted and world.routed != wanted:
        world.routed = wanted
        yield "route"
    if state.phase == "promoted" and world.champion != state.champion:
        world.champion = state.champion
        yield "promote"


def _possible(state: Rollout) -> Iterator[Event]:
    """Every event, fitting or not, for the next two challengers."""
    for challenger in (2, 3):
        for shadow in (False, True):
            yield Begin(champion=state.champion, challenger=challenger, shares=(0.1, 1.0), time="t", shadow=shadow)
        for phase in _MOVING:
            for stage in (0, 1):
                for ruling in _RULINGS:
                    yield Ruled(challenger=challenger, stage=stage, phase=phase, ruling=ruling, why=ruling, time="t")
    yield from (Hold(why="h"), Resume(time="t"), Abort(why="a"), Retrain(key="k", time="t"), Trained(key="k"))


def test_every_interleaving_with_a_crash_at_every_call() -> None:
    """Breadth first over (state, world): after each event the tick may die before, between or after its calls; then
    the next event comes, or the tick runs again. Nothing that serves is ever neither champion nor challenger; what was
    sent back is out after one whole tick; nobody is promoted but by the ruling of the last stage."""
    begin: Node = (Rollout(champion=1), ((1, 1.0),), 1)
    queue, seen = deque([begin]), {begin}
    edges = 0
    while queue:
        state, routed, champion = queue.popleft()
        followers: list[tuple[Rollout, Event | None]] = [(state, None)]
        for event in _possible(state):
            try:
                followers.append((step(state, event), event))
            except Conflict:
                continue
        for after, cause in followers:
            _check(state, cause, after)
            total = len(list(_calls(after, World(routed, champion))))
            for until in range(total + 1):  # the tick dies after `until` calls
                world = World(routed, champion)
                for _, _call in zip(range(until), _calls(after, world), strict=False):
                    pass
                edges += 1
                _check_world(after, world, whole=until == total)
                key = (after, world.routed, world.champion)
                if key not in seen and after.champion < 4:
                    seen.add(key)
                    queue.append(key)
    assert len(seen) > 100
    assert edges > 1000


def _check(before: Rollout, event: Event | None, after: Rollout) -> None:
    if after.phase == "promoted" and before.phase != "promoted":
        assert isinstance(event, Ruled)
        assert (event.ruling, before.phase, before.stage) == ("advance", "baking", len(before.shares) - 1)
        assert after.champion == before.challenger
    elif after.champion != before.champion:
        raise AssertionError(f"{before} -> {event} -> {after} changed the champion")
    if isinstance(event, Ruled):
        assert (event.challenger, event.phase, event.stage) == (before.challenger, before.phase, before.stage)
    if isinstance(event, Hold):
        assert after.weights == before.weights
    assert sum(after.weights.values()) == pytest.approx(1.0)


def _check_world(state: Rollout, world: World, *, whole: bool) -> None:
    serving = {version for version, _ in world.routed}
    if whole:
        assert dict(world.routed) == state.weights
        assert state.phase != "rolled back" or state.challenger not in serving
        assert state.phase != "promoted" or world.champion == state.champion


def test_a_machine_that_lets_late_rulings_count_is_found_by_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "_is_of", lambda state, event: state.phase in rollout.MOVING)
    with pytest.raises((AssertionError, IndexError)):
        test_every_interleaving_with_a_crash_at_every_call()


@given(st.lists(st.integers(0, 200), max_size=60), st.booleans())
def test_any_sequence_leaves_a_state_that_serves_and_can_end(picks: list[int], shadow: bool) -> None:
    state = Rollout(champion=1)
    for pick in picks:
        events = list(_possible(state))
        try:
            state = step(state, events[pick % len(events)])
        except Conflict:
            continue
    assert state.weights
    if state.phase not in rollout.RESTING and state.phase != "retraining":
        assert step(state, Abort(why="enough")).phase == "rolled back"
