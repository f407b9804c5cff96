"""The layout of a host folder: functions, their versions and routes, as small files written atomically."""

from __future__ import annotations

import fcntl
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from toolkit.domain import digest, names
from toolkit.domain.errors import NotFound
from toolkit.domain.specs import FunctionSpec
from toolkit.execution import files

_T = TypeVar("_T")


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One published version; `digest` is that of its configuration."""

    spec: FunctionSpec
    digest: str


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What may change without a new version. `python` is the interpreter of the workers, "" the toolkit's own."""

    tags: dict[str, str] = {}
    python: str = ""


class Function:
    """One function's folder. Reading what is not there raises NotFound."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.log = folder / "log.jsonl"
        self.events = folder / "events"
        self.route_file = folder / "route.json"
        self._about = folder / "function.json"
        self._versions = folder / "versions"

    @property
    def exists(self) -> bool:
        return self._about.is_file()

    def identity(self) -> int:
        """Tells this folder from a later one of the same name; 0 when it is gone."""
        try:
            return self.folder.stat().st_ino
        except FileNotFoundError:
            return 0

    def about(self) -> About:
        return self._read(self._about, About, f"function {self.name!r} does not exist")

    def versions(self) -> tuple[str, ...]:
        """Oldest first."""
        numbers = [int(path.stem) for path in self._versions.glob("*.json") if path.stem.isdigit()]
        return tuple(str(number) for number in sorted(numbers))

    def version(self, name: str) -> Version:
        missing = f"function {self.name!r} has no version {name!r}"
        if not name.isdigit():
            raise NotFound(missing)
        return self._read(self._versions / f"{name}.json", Version, missing)

    def route(self) -> dict[str, float]:
        """Weights by version; empty when nothing was routed yet."""
        try:
            return msgspec.json.decode(self.route_file.read_bytes(), type=dict[str, float])
        except FileNotFoundError:
            return {}

    def publish(self, spec: FunctionSpec, about: About) -> str:
        """The version that has this configuration, made if there is none; the lock is held."""
        wanted = digest.of_value(spec.configuration())
        files.replace(self._about, msgspec.json.encode(about))
        for name in self.versions():
            if self.version(name).digest == wanted:
                return name
        # Numbers are not used twice, also after the newest was removed: a release may name it.
        newest = max([self._last(), *map(int, self.versions())]) + 1
        files.replace(self.folder / "last", str(newest).encode())
        files.replace(self._versions / f"{newest}.json", msgspec.json.encode(Version(spec=spec, digest=wanted)))
        return str(newest)

    def set_route(self, weights: dict[str, float]) -> None:
        files.replace(self.route_file, msgspec.json.encode(weights))

    def remove_version(self, name: str) -> None:
        (self._versions / f"{name}.json").unlink(missing_ok=True)

    def _last(self) -> int:
        try:
            return int((self.folder / "last").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _read(self, path: Path, kind: type[_T], missing: str) -> _T:
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError as error:
            raise NotFound(missing, hint="toolkit status") from error


class HostFolder:
    """All of it. Nothing is made before it is needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.functions = root / "functions"
        self.bundles = root / "bundles"
        self.workers = root / "workers"
        self.runtime = root / "runtime"
        self.schedules = root / "schedules"
        self.watches = root / "watches"
        self.server = root / "server"

    def function(self, name: str) -> Function:
        """Raises ConfigError for what cannot be a name."""
        return Function(self.functions / names.check_resource("function", name))

    def names(self) -> tuple[str, ...]:
        found = self.functions.iterdir() if self.functions.is_dir() else ()
        return tuple(sorted(path.name for path in found if path.name[0] != "." and Function(path).exists))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One writer at a time, over all processes."""
        self.functions.mkdir(parents=True, exist_ok=True)
        with (self.functions / ".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def take_away(self, name: str) -> None:
        """The function's folder is gone at once for whoever looks, and then in fact; the lock is held."""
        with suppress(FileNotFoundError):
            away = self.functions / f".{name}.{secrets.token_hex(4)}"
            (self.functions / name).rename(away)
            shutil.rmtree(away, ignore_errors=True)

    def bundles_in_use(self) -> set[str]:
        """Digests that some version needs."""
        found = set()
        for name in self.names():
            function = self.function(name)
            found |= {function.version(version).spec.bundle for version in function.versions()}
        return found
