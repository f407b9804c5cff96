"""Secrets as files that only their owner can read: one each, in `host`/secrets (folder 0700, files 0600).

They are not encrypted: what protects them is what protects the user's SSH keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolkit.domain import secret
from toolkit.domain.errors import Corrupt, NotFound
from toolkit.execution import files
from toolkit.ports import Settings


def open_secrets(settings: Settings) -> LocalSecrets:
    return LocalSecrets(Path(settings["host"]) / "secrets")


class LocalSecrets:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> str:
        with files.translated(f"read secret {name}"):
            try:
                data = self._path(name).read_bytes()
            except FileNotFoundError as error:
                raise NotFound(f"no secret {name!r}", hint=f"toolkit secrets set {name}") from error
        # Raised outside of any handler: Python's own error holds the bytes, and would hang on ours as its context.
        if (value := _text(data)) is None:
            raise Corrupt(f"secret {name!r} is not UTF-8 text", hint=f"toolkit secrets set {name}")
        return value

    def put(self, name: str, value: str) -> None:
        path, data = self._path(name), secret.check_value(name, value)
        with files.translated(f"write secret {name}"):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            files.replace(path, data, mode=0o600)

    def list(self) -> Iterator[str]:
        with files.translated("list secrets"):
            found = sorted(path.name for path in self._folder.glob("[!.]*"))
        yield from found

    def delete(self, name: str) -> None:
        with files.translated(f"delete secret {name}"):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / secret.check_name(name)


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
