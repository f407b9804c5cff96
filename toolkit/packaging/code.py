"""The user's project as a code package: a small zip, named by the digest of its bytes.

Files are stored, not compressed, under sorted names with one date and one mode, so the digest depends on nothing but
names and contents: equal code is an equal run. A job unpacks it into an empty folder.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toolkit.domain import digest
from toolkit.domain.errors import ConfigError, Corrupt
from toolkit.packaging import archive, cache, scan
from toolkit.packaging.globs import Globs

MAX_BYTES = 50 * 1024**2
SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
_LINK_LOOK = 5_000  # entries looked at behind a link that leads out


@dataclass(frozen=True)
class CodePackage:
    """`digest` is the SHA-256 of `data`; `files` are the names inside, sorted."""

    data: bytes
    digest: str
    files: tuple[str, ...]


def package(directory: Path, include: Sequence[str] = ("**/*.py",), *, limit: int = MAX_BYTES) -> CodePackage:
    """Pack what matches `include`: globs relative to `directory` ("**" crosses folders); "!glob" leaves out again.

    Hidden files and folders, virtual environments and `__pycache__` are never taken. Raises ConfigError: nothing
    matches, a link leads out of the project, a key is in a file, more than `limit` bytes (the biggest are named).
    """
    root = directory.resolve()
    if not root.is_dir():
        raise ConfigError(f"no such project folder: {directory}")
    wanted = Globs(include)
    files = {name: path for name, path in sorted(_walk(root, wanted)) if wanted.match(name)}
    if not files:
        raise ConfigError(
            f"nothing in {root} matches include = {list(include)}", hint="set include under [train] in toolkit.toml"
        )
    _check_size({name: path.stat().st_size for name, path in files.items()}, limit)
    with cache.disk("cannot read the project"):
        contents = {name: path.read_bytes() for name, path in files.items()}
    _check_secrets(contents)
    data = archive.to_bytes(archive.pack(name, content, level=0) for name, content in contents.items())
    return CodePackage(data, digest.of_bytes(data), tuple(files))


def unpack(data: bytes, folder: Path) -> list[str]:
    """Write a code package's files under `folder`; returns their names.

    Raises Corrupt, before anything is written, for a name that leads out of `folder`, a link, or damaged bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            entries = packed.infolist()
            for entry in entries:
                _check_entry(entry)
            if sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise Corrupt(f"the code package claims more than {MAX_BYTES:,} bytes")
            contents = {entry.filename: packed.read(entry) for entry in entries}
    except archive.DAMAGED as error:
        raise Corrupt(f"the code package cannot be read: {error}", hint="toolkit audit verify") from error
    for name, content in contents.items():
        path = folder / name
        with cache.disk("cannot unpack the code package"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return sorted(contents)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name, mode = entry.filename, entry.external_attr >> 16
    safe = not re.search(r"[\\:\0]", entry.orig_filename) and not name.startswith("/")
    if not safe or not set(name.split("/")).isdisjoint({"", ".", ".."}) or stat.S_ISLNK(mode):
        raise Corrupt(f"the code package holds {entry.orig_filename!r}, which leads out of its folder")


def _walk(root: Path, wanted: Globs) -> Iterator[tuple[str, Path]]:
    """(name, path) of every file that may be taken, following links that stay inside the project."""
    pending: list[tuple[Path, PurePosixPath, frozenset[Path]]] = [(root, PurePosixPath(), frozenset({root}))]
    while pending:
        folder, prefix, above = pending.pop()
        for path in folder.iterdir():
            name = prefix / path.name
            real = path.resolve()
            if path.name.startswith(".") or path.name in SKIPPED:
                _refuse_named_key(name, wanted)
            elif not real.is_relative_to(root):
                _refuse_way_out(path, name, wanted)
            elif path.is_dir():
                if real not in above and not (path / "pyvenv.cfg").exists():
                    pending.append((path, name, above | {real}))
            elif path.is_file():
                yield name.as_posix(), path


def _refuse_named_key(name: PurePosixPath, wanted: Globs) -> None:
    """Hidden files are left out in silence, but whoever names `.env` in the globs is told."""
    if name.name.startswith(".env") and wanted.match(name.as_posix()) and scan.KEY_FILES.fullmatch(name.name):
        raise _secret_error([scan.Found("a file of secrets by its name", name.as_posix())])


def _refuse_way_out(path: Path, name: PurePosixPath, wanted: Globs) -> None:
    """A link out of the project is an error where it would have been followed to a file that is wanted."""
    if path.is_file():
        hits = wanted.match(name.as_posix())
    else:
        hits = False
        for seen, below in enumerate(path.rglob("*") if path.is_dir() else ()):
            hits = seen > _LINK_LOOK or wanted.match((name / below.relative_to(path).as_posix()).as_posix())
            if hits:
                break
    if hits:
        raise ConfigError(
            f"{name} is a link that leads out of the project, to {path.resolve()}",
            hint=f'copy what it points to, or leave it out: add "!{name}{"/" if path.is_dir() else ""}" to include',
        )


def _check_size(sizes: dict[str, int], limit: int) -> None:
    total = sum(sizes.values())
    if total <= limit:
        return
    biggest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:5]
    named = ", ".join(f"{name} ({size / 1024**2:.1f} MiB)" for name, size in biggest)
    raise ConfigError(
        f"the code package has {total / 1024**2:.1f} MiB in {len(sizes)} files, over the {limit / 1024**2:.1f} MiB "
        f"it may have; the biggest: {named}",
        hint=f'narrow include under [train], e.g. add "!{biggest[0][0]}"',
    )


def _check_secrets(contents: dict[str, bytes]) -> None:
    found = [hit for name, data in contents.items() if (hit := scan.secret(name, data))]
    if found:
        raise _secret_error(found)


def _secret_error(found: list[scan.Found]) -> ConfigError:
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    return ConfigError(
        f"the code package would carry secrets: {'; '.join(map(str, found[:3]))}{more}",
        hint=f'toolkit secrets set NAME and read it by name; or add "!{found[0].name}" to include under [train]',
    )
