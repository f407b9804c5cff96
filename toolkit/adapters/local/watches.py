"""Watches as files under `host`/watches. This machine's function host looks at the bucket's folder while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from toolkit.domain import names
from toolkit.domain.errors import ConfigError, Corrupt, NotFound
from toolkit.domain.newdata import WatchSpec
from toolkit.execution import files
from toolkit.execution.host.folder import HostFolder
from toolkit.execution.watcher import Kept, there
from toolkit.ports import Settings


def open_watches(settings: Settings) -> LocalWatches:
    return LocalWatches(HostFolder(Path(settings["host"])), settings["store"])


class LocalWatches:
    def __init__(self, host: HostFolder, root: str) -> None:
        self._host = host
        self._folder = host.watches
        self._root = root

    def put(self, spec: WatchSpec) -> None:
        path = self._path(spec.name)
        if not spec.prefix:
            raise ConfigError(f"watch {spec.name!r}: the whole store, where functions write too", hint="name a folder")
        if not self._host.function(spec.function).exists:
            raise NotFound(f"function {spec.function!r} does not exist", hint="toolkit deploy")
        kept = Kept(spec=spec, root=self._root)
        with files.translated(f"write watch {spec.name}"):
            if self._read(path) == kept:
                return  # what came since it was set is still to be told
            seen = {key: version for key, (version, _) in there(self._root, spec.prefix).items()}
            files.replace(self._seen(spec.name), msgspec.json.encode(seen))
            files.replace(path, msgspec.json.encode(kept))

    def list(self) -> Iterator[WatchSpec]:
        with files.translated("list watches"):
            found = [self._read(path) for path in sorted(self._folder.glob("[!.]*.json"))]
        yield from (kept.spec for kept in found if kept)

    def delete(self, name: str) -> None:
        with files.translated(f"delete watch {name}"):
            self._path(name).unlink(missing_ok=True)
            self._seen(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{names.check_resource('watch', name)}.json"

    def _seen(self, name: str) -> Path:
        return self._folder / "seen" / f"{name}.json"

    def _read(self, path: Path) -> Kept | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise Corrupt(f"watch {path.stem} is not readable ({path}): {error}", hint="toolkit deploy") from error
