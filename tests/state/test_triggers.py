import itertools
import random
import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.state.crashes import NOW
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain import times
from toolkit.domain.errors import CommitUnknown, ConfigError, NotFound
from toolkit.state.triggers import KEPT, Trigger, Triggers
from toolkit.testing.faults import FaultyStore, lossy

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(hours: float) -> str:
    return times.text(START + timedelta(hours=hours))


def ask(store: MemoryStore, window: str, time: str, reason: str = "drift", **limits: float) -> Trigger:
    return Triggers(store, "flights").request(reason, window, actor="tick", time=time, **limits)  # type: ignore[arg-type]


def test_a_request_has_one_answer(store: MemoryStore) -> None:
    first = ask(store, "w1", at(0))
    assert (first.accepted, first.why, first.run_id, first.reason, first.window) == (True, "", "", "drift", "w1")
    assert ask(store, "w1", at(99), cooldown_seconds=3600, max_per_month=0) == first
    assert ask(store, "w1", at(0), reason="schedule").key != first.key


def test_cooldown_counts_in_both_directions(store: MemoryStore) -> None:
    hour = 3600.0
    assert ask(store, "w1", at(10), cooldown_seconds=hour).accepted
    refused = ask(store, "w2", at(10.5), cooldown_seconds=hour)
    assert not refused.accepted
    assert refused.why == f"cooldown: 1800 s from the one at {at(10)}, 3600 s are asked for"
    assert not ask(store, "w0", at(9.5), cooldown_seconds=hour).accepted, "an event that was delivered late"
    assert ask(store, "w3", at(11), cooldown_seconds=hour).accepted
    assert not ask(store, "w2", at(20), cooldown_seconds=hour).accepted, "an answer is for ever"


def test_the_budget_is_per_month(store: MemoryStore) -> None:
    for n in range(3):
        assert ask(store, f"w{n}", at(n), max_per_month=3).accepted
    refused = ask(store, "w3", at(4), max_per_month=3)
    assert (refused.accepted, refused.why) == (False, "budget: 3 of 3 runs are spent in 2026-01")
    assert ask(store, "w4", at(24 * 31), max_per_month=3).accepted
    assert not ask(store, "w5", at(5), max_per_month=0).accepted


def test_hours_are_reserved_until_it_is_known_what_a_run_took(store: MemoryStore) -> None:
    triggers = Triggers(store, "flights")
    first = ask(store, "w1", at(0), hours=2.0, max_hours=3.0)
    assert first.accepted
    refused = ask(store, "w2", at(1), hours=2.0, max_hours=3.0)
    assert refused.why == "budget: 2.0 of 3 hours are spent in 2026-01, and a run may take 2"
    triggers.conclude(first, "promoted", "better", actor="tick", time=NOW, hours=0.5)
    assert ask(store, "w3", at(2), hours=2.0, max_hours=3.0).accepted
    assert not ask(store, "w4", at(3), hours=2.0, max_hours=3.0).accepted
    assert ask(store, "w5", at(24 * 31), hours=2.0, max_hours=3.0).accepted, "another month"
    assert triggers.recent()[-1].hours == 0.5


def test_an_accepted_request_is_pending_until_its_run_is_attached(store: MemoryStore) -> None:
    trigger = ask(store, "w1", at(0))
    triggers = Triggers(store, "flights")
    assert triggers.pending() == (trigger,)
    assert triggers.attach(trigger, "run-1", actor="tick", time=NOW) == "run-1"
    assert triggers.attach(trigger, "run-2", actor="other", time=NOW) == "run-1", "the first one wins"
    assert triggers.pending() == ()
    assert ask(store, "w1", at(5)).run_id == "run-1"
    refused = ask(store, "w2", at(0), max_per_month=0)
    with pytest.raises(NotFound):
        triggers.attach(refused, "run-3", actor="tick", time=NOW)


def test_what_became_of_it_is_on_record(store: MemoryStore) -> None:
    trigger = ask(store, "w1", at(0))
    triggers = Triggers(store, "flights")
    triggers.conclude(trigger, "stayed", "gate auc", actor="tick", time=NOW)
    triggers.conclude(trigger, "promoted", "another", actor="tick", time=NOW)
    recent = Triggers(store, "flights").recent()[0]
    assert (recent.decision, recent.decided) == ("stayed", "gate auc")
    assert triggers.pending() == ()


def test_many_requests_keep_the_latest(store: MemoryStore) -> None:
    for n in range(KEPT + 60):
        ask(store, f"w{n}", at(n))
    recent = Triggers(store, "flights").recent()
    assert [trigger.window for trigger in recent] == [f"w{n}" for n in reversed(range(60, KEPT + 60))]
    assert ask(store, "w3", at(0)).entry == 4, "an older one is found by its id"


def test_a_time_that_is_none_is_refused(store: MemoryStore) -> None:
    with pytest.raises(ConfigError):
        ask(store, "w1", "yesterday")


def test_a_thousand_events_delivered_often_shuffled_and_at_once_make_one_run_each(store: MemoryStore) -> None:
    """50 windows; each window's event arrives 20 times, over four deliverers that lose a fifth of their replies."""
    generator = random.Random(3)
    events = [n % 50 for n in range(1000)]
    generator.shuffle(events)
    started: list[str] = []

    def deliver(number: int) -> None:
        triggers = Triggers(FaultyStore(store, lossy(0.2, number)), "flights")
        for n in events[number::4]:
            while True:
                try:
                    trigger = triggers.request(
                        "drift", f"w{n}", actor=str(number), time=at(n), cooldown_seconds=7200, max_per_month=20
                    )
                    if trigger.accepted and not trigger.run_id:
                        run = triggers.attach(trigger, f"run-{number}-{n}", actor=str(number), time=NOW)
                        started.append(run)
                    break
                except CommitUnknown:
                    continue

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recent = Triggers(store, "flights").recent()
    accepted = [trigger for trigger in recent if trigger.accepted]
    assert len(recent) == 50
    assert {trigger.run_id for trigger in accepted} == set(started), "everyone was told of the same run"
    assert len(set(started)) == len(accepted) <= 20
    hours = sorted(int(trigger.window[1:]) for trigger in accepted)
    assert all(later - earlier >= 2 for earlier, later in itertools.pairwise(hours))
    assert Triggers(store, "flights").pending() == ()
