"""Schedules as files under `host`/schedules. The function host of this machine fires them while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from toolkit.domain import names, schedule, times
from toolkit.domain.errors import Corrupt, NotFound
from toolkit.domain.specs import ScheduleSpec
from toolkit.execution import files
from toolkit.execution.scheduler import Kept
from toolkit.ports import Settings


def open_schedules(settings: Settings) -> LocalSchedules:
    return LocalSchedules(Path(settings["host"]) / "schedules")


class LocalSchedules:
    """`clock` says when a schedule was set, as RFC 3339 text."""

    def __init__(self, folder: Path, clock: Callable[[], str] = times.now) -> None:
        self._folder = folder
        self._clock = clock

    def put(self, spec: ScheduleSpec) -> None:
        path = self._path(spec.name)
        schedule.parse(spec.expression)
        with files.translated(f"write schedule {spec.name}"):
            # Setting again what is set must not move its beginning: a time that was missed stays due.
            if not self._is(path, spec):
                files.replace(path, msgspec.json.encode(Kept(spec=spec, since=self._clock())))

    def get(self, name: str) -> ScheduleSpec:
        with files.translated(f"read schedule {name}"):
            kept = self._read(self._path(name))
        if kept is None:
            raise NotFound(f"no schedule {name!r} on this machine")
        return kept.spec

    def list(self, tags: dict[str, str] | None = None) -> Iterator[ScheduleSpec]:
        wanted = (tags or {}).items()
        with files.translated("list schedules"):
            found = [self._read(path) for path in sorted(self._folder.glob("[!.]*.json"))]
        yield from (kept.spec for kept in found if kept and wanted <= kept.spec.tags.items())

    def delete(self, name: str) -> None:
        with files.translated(f"delete schedule {name}"):
            self._path(name).unlink(missing_ok=True)
            (self._folder / "fired" / f"{name}.json").unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{names.check_resource('schedule', name)}.json"

    def _read(self, path: Path) -> Kept | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise Corrupt(f"schedule {path.stem} is not readable ({path}): {error}", hint="toolkit deploy") from error

    def _is(self, path: Path, spec: ScheduleSpec) -> bool:
        try:
            kept = self._read(path)
        except Corrupt:
            return False  # to be replaced
        return kept is not None and kept.spec == spec
