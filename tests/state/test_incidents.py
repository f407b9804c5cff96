import threading

import pytest

from tests.state.crashes import NOW
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.specs import Delivery
from toolkit.state.incidents import KEPT, TRIES, Incidents, Notice

OK = Delivery(channel="log", ok=True)
BROKEN = Delivery(channel="webhook", ok=False, error="no answer")


def look(store: MemoryStore, firing: bool, hour: int = 0, name: str = "drift") -> Notice | None:
    incidents = Incidents(store, "prod", "flights")
    time = f"2026-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z"
    return incidents.observe(name, firing, title="drift in 3 columns", labels={"model": "flights"}, time=time)


def test_one_word_when_it_begins_and_one_when_it_ends(store: MemoryStore) -> None:
    assert look(store, False) is None
    opened = look(store, True, 1)
    assert opened is not None
    assert (opened.alert.state, opened.alert.incident, opened.alert.title) == ("open", "drift", "drift in 3 columns")
    assert [look(store, True, hour) for hour in (2, 3, 4)] == [None] * 3
    resolved = look(store, False, 5)
    assert resolved is not None
    assert resolved.alert.state == "resolved"
    assert look(store, False, 6) is None
    again = look(store, True, 7)
    assert again is not None
    assert again.alert.state == "open"


def test_a_reminder_after_a_day(store: MemoryStore) -> None:
    look(store, True, 0)
    states = [notice.alert.state if (notice := look(store, True, hour)) else "" for hour in (23, 24, 25, 48)]
    assert states == ["", "still open", "", "still open"]
    (incident,) = Incidents(store, "prod", "flights").open()
    assert incident.opened == "2026-01-01T00:00:00.000000Z"
    assert incident.told == "2026-01-03T00:00:00.000000Z"


def test_incidents_do_not_touch_each_other(store: MemoryStore) -> None:
    look(store, True, 0, "drift")
    look(store, True, 1, "latency")
    look(store, False, 2, "drift")
    assert [incident.name for incident in Incidents(store, "prod", "flights").open()] == ["latency"]
    assert Incidents(store, "prod", "trains").open() == ()


def test_a_notice_is_pending_until_someone_was_reached(store: MemoryStore) -> None:
    notice = look(store, True)
    assert notice is not None
    incidents = Incidents(store, "prod", "flights")
    assert incidents.pending() == (notice,)
    for tried in range(1, TRIES + 1):
        (waiting,) = incidents.pending()
        incidents.delivered(waiting, [BROKEN], time=NOW)
        left = [*incidents.pending(), *incidents.given_up()]
        assert [(n.tries, n.failures) for n in left] == [(tried, ("webhook: no answer",))]
    assert incidents.pending() == ()
    assert len(incidents.given_up()) == 1


@pytest.mark.parametrize("deliveries", [[OK], [OK, BROKEN], []])
def test_reached_by_one_channel_is_done(store: MemoryStore, deliveries: list[Delivery]) -> None:
    notice = look(store, True)
    assert notice is not None
    incidents = Incidents(store, "prod", "flights")
    incidents.delivered(notice, deliveries, time=NOW)
    incidents.delivered(notice, deliveries, time=NOW)
    assert incidents.pending() == incidents.given_up() == ()
    assert incidents.history() == (notice,)


def test_of_checks_at_once_one_has_something_to_send(store: MemoryStore) -> None:
    notices: list[Notice | None] = []
    gate = threading.Barrier(6)

    def check() -> None:
        gate.wait()
        notices.append(look(store, True))

    threads = [threading.Thread(target=check) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([notice for notice in notices if notice]) == 1
    assert len(notices) == 6


def test_given_up_notices_do_not_pile_up(store: MemoryStore) -> None:
    for n in range(KEPT + 20):
        look(store, n % 2 == 0, n % 600)
    waiting = Incidents(store, "prod", "flights").pending()
    assert len(waiting) == KEPT
    assert waiting[-1].entry == KEPT + 20
