"""What is wrong with an endpoint and who was told: one alert when it begins, one when it ends, a reminder now and then.

One journal per (target, endpoint). The transition is written before anybody is told, so of checks that run at once
exactly one has something to send; a sender that died leaves its notice in `pending`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from toolkit.domain import times
from toolkit.domain.specs import Alert, Delivery
from toolkit.ports.store import Store
from toolkit.state import keys
from toolkit.state.journal import Entry, Journal

REMIND_SECONDS = 24 * 3600.0
KEPT = 100  # notices that reached nobody, in the state
TRIES = 5  # of telling people, until a notice is given up (and still shown)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to be sent: hand it to the alerts port, then the deliveries to `delivered`."""

    entry: int
    alert: Alert
    tries: int = 0
    failures: tuple[str, ...] = ()


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    severity: str
    title: str
    opened: str
    told: str  # time of the last notice


class IncidentsState(msgspec.Struct, frozen=True, kw_only=True):
    open: dict[str, Incident] = {}
    undelivered: dict[str, Notice] = {}  # by entry number as text
    failing: dict[str, str] = {}  # channel -> why the last alert did not reach it


class IncidentsFold:
    name = "incidents-2"
    type: Any = IncidentsState

    def empty(self) -> IncidentsState:
        return IncidentsState()

    def apply(self, state: IncidentsState, entry: Entry) -> IncidentsState:
        if entry.body.get("do") == "notice":
            return self._noticed(state, _notice(entry))
        if entry.body.get("do") == "delivered":
            after = self._delivered(state, str(entry.body["notice"]), entry.body["failures"], entry.body["reached"])
            told = entry.body.get("channels", {})
            silent = {**state.failing, **told}
            return msgspec.structs.replace(after, failing={name: why for name, why in silent.items() if why})
        return state

    def _noticed(self, state: IncidentsState, notice: Notice) -> IncidentsState:
        alert = notice.alert
        still = {name: incident for name, incident in state.open.items() if name != alert.incident}
        if alert.state != "resolved":
            known = state.open.get(alert.incident)
            still[alert.incident] = Incident(
                name=alert.incident,
                severity=alert.severity,
                title=alert.title,
                opened=known.opened if known else alert.time,
                told=alert.time,
            )
        kept = sorted(state.undelivered.values(), key=lambda other: other.entry)[-KEPT + 1 :]
        waiting = {str(other.entry): other for other in (*kept, notice)}
        return msgspec.structs.replace(state, open=still, undelivered=waiting)

    def _delivered(self, state: IncidentsState, key: str, failures: list[str], reached: bool) -> IncidentsState:
        left = dict(state.undelivered)
        notice = left.pop(key, None)
        if notice is not None and not reached:
            left[key] = msgspec.structs.replace(notice, tries=notice.tries + 1, failures=tuple(failures))
        return msgspec.structs.replace(state, undelivered=left)


class _Unchanged(Exception):
    """Nothing to tell."""


class Incidents:
    def __init__(self, store: Store, target: str, endpoint: str) -> None:
        self._journal = Journal(store, keys.incidents(target, endpoint), IncidentsFold())

    def observe(
        self,
        incident: str,
        firing: bool,
        *,
        title: str,
        text: str = "",
        severity: Literal["info", "warning", "critical"] = "warning",
        labels: dict[str, str] | None = None,
        actor: str = "",
        time: str,
        op: str = "",
        remind_seconds: float = REMIND_SECONDS,
    ) -> Notice | None:
        """Say how things are; what to tell people, if anything: once that it began, once that it ended, and that it
        still goes on when `remind_seconds` have passed since the last word."""

        def decide(state: IncidentsState) -> dict[str, Any]:
            transition = _transition(state.open.get(incident), firing, time, remind_seconds)
            if transition is None:
                raise _Unchanged
            alert = Alert(
                incident=incident,
                state=transition,
                severity=severity,
                title=title,
                text=text,
                labels=labels or {},
                time=times.text(times.parse(time)),
            )
            return {"do": "notice", "alert": msgspec.to_builtins(alert)}

        try:
            return _notice(self._journal.append(op or uuid.uuid4().hex, decide, actor=actor, time=time))
        except _Unchanged:
            return None

    def delivered(self, notice: Notice, deliveries: Sequence[Delivery], *, actor: str = "", time: str) -> None:
        """What became of it. Reached by one channel it is done; by none, it is pending again, up to TRIES times."""
        failures = [f"{delivery.channel}: {delivery.error}" for delivery in deliveries if not delivery.ok]
        reached = any(delivery.ok for delivery in deliveries) or not deliveries
        channels = {delivery.channel: "" if delivery.ok else delivery.error or "failed" for delivery in deliveries}
        body = {
            "do": "delivered", "notice": notice.entry, "reached": reached, "failures": failures, "channels": channels,
        }  # fmt: skip
        op = f"delivered/{notice.entry}/{notice.tries}"
        self._journal.append(op, lambda state: body, actor=actor, time=time)

    def open(self) -> tuple[Incident, ...]:
        """What is wrong now, oldest first."""
        return tuple(sorted(self._journal.state().open.values(), key=lambda incident: incident.opened))

    def pending(self) -> tuple[Notice, ...]:
        """Notices that reached nobody yet, oldest first."""
        return tuple(notice for notice in self._undelivered() if notice.tries < TRIES)

    def given_up(self) -> tuple[Notice, ...]:
        """Notices that no channel took in TRIES tries."""
        return tuple(notice for notice in self._undelivered() if notice.tries >= TRIES)

    def failing(self) -> dict[str, str]:
        """Channels that the last alert did not reach, and why."""
        return dict(self._journal.state().failing)

    def history(self) -> tuple[Notice, ...]:
        """Every notice, oldest first."""
        return tuple(_notice(entry) for entry in self._journal.entries() if entry.body.get("do") == "notice")

    def _undelivered(self) -> list[Notice]:
        return sorted(self._journal.state().undelivered.values(), key=lambda notice: notice.entry)


def _transition(
    known: Incident | None, firing: bool, time: str, remind_seconds: float
) -> Literal["open", "still open", "resolved"] | None:
    if known is None:
        return "open" if firing else None
    if not firing:
        return "resolved"
    apart = (times.parse(time) - times.parse(known.told)).total_seconds()
    return "still open" if apart >= remind_seconds else None


def _notice(entry: Entry) -> Notice:
    return Notice(entry=entry.index, alert=msgspec.convert(entry.body["alert"], Alert))
