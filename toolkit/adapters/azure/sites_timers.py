"""Schedules as timer triggers of their function's own app: what its setting TOOLKIT_TIMERS names (`function_app`).

Azure replaces an app's settings as a whole, and with no condition: of two who change them at once, one would undo the
other. So what is wanted is a record of each schedule in the store, and an app's setting is only written from these, and
once more for as long as they are not what was written. Whoever writes last has looked last.

What is there is read from the settings, since they are what fires: who died between a record and its setting finds
that the schedule is not there yet, and puts it again. A timer's function is called after what was put, too: the time
that the host remembers of another one, or of one that was off, is not made up for.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import msgspec

from toolkit.adapters.azure import functions, ncrontab
from toolkit.adapters.azure import sites_body as described
from toolkit.adapters.azure.arm_apps import patiently
from toolkit.adapters.azure.client import Arm, again, passes
from toolkit.adapters.azure.containerapps_body import OPEN
from toolkit.adapters.azure.function_app.timers import TOLD
from toolkit.adapters.azure.sites_versions import Versions
from toolkit.adapters.azure.store import open_store
from toolkit.domain import names
from toolkit.domain.errors import NotFound, Unsupported
from toolkit.domain.specs import ScheduleSpec
from toolkit.ports import Settings

FOLDER = "azure-timers/"
MOST_BYTES = 30_000  # ours: one variable of an app


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`mark` is another one whenever what was put is."""

    spec: ScheduleSpec
    mark: str


class Timers:
    """The records, and the apps' settings that are made from them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._arm = Arm(settings)
        self._store = open_store(settings)

    def wanted(self, function: str) -> str:
        """What the setting of the function's app should be, "" where it has none."""
        return rendered(record for record in self._records() if record.spec.function == function)

    def keep(self, spec: ScheduleSpec) -> None:
        """Unsupported where the app's setting would be too long."""
        found = {record.spec.name: record for record in self._records()}
        if (before := found.get(spec.name)) and before.spec == spec:
            return
        found[spec.name] = record = Record(spec=spec, mark=uuid.uuid4().hex[:6])
        if len(rendered(one for one in found.values() if one.spec.function == spec.function)) > MOST_BYTES:
            raise Unsupported(
                f"schedule {spec.name!r}: the schedules of function {spec.function!r} and their events have over "
                f"{MOST_BYTES:,} bytes, which is what a setting of Azure Functions is given"
            )
        self._store.put(_key(spec.name), msgspec.json.encode(record))

    def drop(self, name: str) -> None:
        self._store.delete(_key(name))

    def forget(self, function: str) -> None:
        """Those of a function whose app goes, and they with it."""
        for record in self._records():
            if record.spec.function == function:
                self.drop(record.spec.name)

    def settle(self, function: str) -> None:
        """The app has what is wanted afterwards, whoever else is at it."""
        what, path = f"set the timers of function {function}", self._path(function)
        while True:
            wanted, held = self.wanted(function), self._held(function)
            if held.get(TOLD, "") != wanted:
                kept = {name: value for name, value in held.items() if name != TOLD}
                body = {"properties": {**kept, **({TOLD: wanted} if wanted else {})}}
                self._write(what, f"{path}/config/appsettings", body)
                self._arm.call(what, "POST", f"{path}/syncfunctiontriggers", described.VERSION)
            if self.wanted(function) == wanted:
                return

    def _write(self, what: str, path: str, body: dict[str, Any]) -> None:
        write = lambda: self._arm.change(what, "PUT", path, described.VERSION, body)  # noqa: E731
        patiently(write, self._arm.poll, described.busy)

    def there(self) -> dict[str, list[ScheduleSpec]]:
        """What the apps of the target have, by function."""
        bodies = self._arm.pages("list functions", self._arm.path(described.SITES, "").rstrip("/"), described.VERSION)
        tags = [body.get("tags") or {} for body in bodies]
        ours = sorted(own[described.NAME] for own in tags if own.get(described.STEM) == self._settings["stem"])
        return {function: _read(self._held(function).get(TOLD, "")) for function in ours}

    def _held(self, function: str) -> dict[str, str]:
        """The app's settings; {} where it has just been deleted."""
        path = f"{self._path(function)}/config/appsettings/list"
        what = f"look at the timers of function {function}"
        try:
            answer = again(lambda: self._arm.call(what, "POST", path, described.VERSION), passes)
        except NotFound:
            return {}
        found: dict[str, str] = answer.body.get("properties") or {}
        return found

    def _records(self) -> list[Record]:
        found = []
        for meta in list(self._store.list(FOLDER)):
            with suppress(NotFound):  # it was deleted meanwhile
                found.append(msgspec.json.decode(self._store.get(meta.key).data, type=Record))
        return found

    def _path(self, function: str) -> str:
        return self._arm.path(described.SITES, described.called(self._settings, function))


class SiteSchedules:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timers = Timers(settings)

    def put(self, spec: ScheduleSpec) -> None:
        names.check_resource("schedule", spec.name)
        ncrontab.expression(spec.expression)
        self._require_one_that_takes_events(spec)
        self._timers.keep(spec)
        for function, found in self._timers.there().items():
            if function != spec.function and any(one.name == spec.name for one in found):
                self._timers.settle(function)
        self._timers.settle(spec.function)

    def get(self, name: str) -> ScheduleSpec:
        names.check_resource("schedule", name)
        for spec in self._all():
            if spec.name == name:
                return spec
        raise NotFound(f"no schedule {name!r} in {self._settings['resource_group']}", hint="toolkit status")

    def list(self, tags: dict[str, str] | None = None) -> Iterator[ScheduleSpec]:
        wanted = (tags or {}).items()
        yield from (spec for spec in self._all() if wanted <= spec.tags.items())

    def delete(self, name: str) -> None:
        names.check_resource("schedule", name)
        self._timers.drop(name)
        for function, found in self._timers.there().items():
            if any(one.name == name for one in found):
                self._timers.settle(function)

    def _all(self) -> tuple[ScheduleSpec, ...]:
        """Each once, by name."""
        found = {spec.name: spec for specs in self._timers.there().values() for spec in specs}
        return tuple(found[name] for name in sorted(found))

    def _require_one_that_takes_events(self, spec: ScheduleSpec) -> None:
        """NotFound, ConfigError (no traffic), Unsupported."""
        functions.url(self._settings, spec.function)
        ((serving, _),) = functions.open_functions(self._settings).observe(spec.function).weights.items()
        record = Versions(self._settings).of(spec.function).get(serving)
        if record and record.spec.auth in OPEN:
            raise Unsupported(
                f"function {spec.function!r} is open to everybody, so it takes no events", hint='auth = "iam"'
            )


def rendered(records: Iterable[Record]) -> str:
    """The setting's text: the same for the same records. Pure."""
    told = [
        {
            **msgspec.to_builtins(record.spec),
            "timer": f"at-{record.spec.name}-{record.mark}",
            "ncrontab": ncrontab.expression(record.spec.expression),
        }
        for record in sorted(records, key=lambda record: record.spec.name)
    ]
    return json.dumps(told, separators=(",", ":"), sort_keys=True) if told else ""


def _read(setting: str) -> list[ScheduleSpec]:
    return msgspec.json.decode(setting, type=list[ScheduleSpec]) if setting else []


def _key(schedule: str) -> str:
    return f"{FOLDER}{schedule}.json"
