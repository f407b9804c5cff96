from tests.state.crashes import ACTIONS, NOW, release
from toolkit.adapters.memory.store import MemoryStore
from toolkit.state.releases import Releases


def opened(store: MemoryStore) -> Releases:
    return Releases(store, "prod", "flights", actor="ann", clock=lambda: NOW)


def test_a_release_becomes_current(store: MemoryStore) -> None:
    releases = opened(store)
    assert releases.current() is None
    assert releases.previous() is None
    recorded = releases.record(release(1))
    assert (recorded.release, recorded.actor, recorded.time, recorded.entry) == (release(1), "ann", NOW, 1)
    releases.record(release(2), op="deploy-2")
    assert opened(store).current() == release(2)
    assert opened(store).previous() == release(1)
    assert [r.release.model_version for r in releases.history()] == [1, 2]


def test_recording_what_is_current_changes_nothing(store: MemoryStore) -> None:
    releases = opened(store)
    assert releases.record(release(1)) == releases.record(release(1))
    releases.record(release(2))
    releases.record(release(1))
    assert [r.release.model_version for r in releases.history()] == [1, 2, 1]


def test_rolling_back_goes_one_further_each_time(store: MemoryStore) -> None:
    releases = opened(store)
    for n in (1, 2, 3):
        releases.record(release(n))
    releases.record(release(2), rollback=True)
    assert (releases.current(), releases.previous()) == (release(2), release(1))
    releases.record(release(1), rollback=True)
    assert (releases.current(), releases.previous()) == (release(1), None)
    assert len(releases.history()) == 5


def test_an_intent_without_a_result_is_pending_for_the_next(store: MemoryStore) -> None:
    first, second = ACTIONS
    dead = opened(store)
    dead.intent("apply-1", first)
    dead.result("apply-1", first)
    begun = dead.intent("apply-1", second)
    found = opened(store).pending()
    assert found == (begun,)
    assert (begun.op, begun.action, begun.actor, begun.entry) == ("apply-1", second, "ann", 3)
    opened(store).result("apply-2", second)
    assert opened(store).pending() == ()


def test_an_action_that_failed_for_good_is_not_pending(store: MemoryStore) -> None:
    releases = opened(store)
    releases.intent("apply-1", ACTIONS[0])
    entry = releases.result("apply-1", ACTIONS[0], error="no such region", detail={"try": 3})
    assert (entry.body["error"], entry.body["detail"]) == ("no such region", {"try": 3})
    assert releases.pending() == ()


def test_the_same_intent_again_is_the_first(store: MemoryStore) -> None:
    releases = opened(store)
    assert releases.intent("apply-1", ACTIONS[0]) == releases.intent("apply-1", ACTIONS[0])
    releases.result("apply-1", ACTIONS[0])
    releases.intent("apply-1", ACTIONS[0])
    assert releases.pending() == ()
    assert len(releases.entries()) == 2


def test_a_removed_endpoint_serves_nothing_and_keeps_its_history(store: MemoryStore) -> None:
    releases = opened(store)
    releases.record(release(1))
    releases.record(release(2))
    releases.removed("destroy-1", "by hand")
    assert releases.current() is None
    assert releases.previous() is None
    releases.record(release(2))
    assert releases.current() == release(2)
    assert releases.previous() is None
    assert len(releases.history()) == 3


def test_endpoints(store: MemoryStore) -> None:
    for target, endpoint in (("prod", "trains"), ("prod", "flights"), ("dev", "flights")):
        Releases(store, target, endpoint).record(release(1))
    assert Releases.endpoints(store) == (("dev", "flights"), ("prod", "flights"), ("prod", "trains"))
