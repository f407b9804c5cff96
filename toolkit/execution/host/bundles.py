"""Unpacked bundles: once a digest, read-only, whole or not there."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from toolkit.domain.errors import Corrupt, Unsupported
from toolkit.execution.files import translated

_ENTRIES = 100_000
_CHUNK = 1 << 20


def unpack(archive: Path, folder: Path, limit_bytes: int) -> None:
    """Unpack a zip into `folder`, which appears only when it is complete; there already, nothing is done.

    Raises Corrupt (not a zip, or a name or kind of entry that has no business in a bundle), Unsupported (more than
    `limit_bytes` unpacked), StorageFull. What the zip says of its sizes is not believed; bytes are counted.
    """
    if folder.is_dir():
        return
    with translated("unpack the bundle"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
        try:
            _extract(archive, made / "bundle", limit_bytes)
            _place(made / "bundle", folder)
        finally:
            remove(made)


def remove(folder: Path) -> None:
    """Delete a folder, read-only or not; gone already is no error."""
    for path in [folder, *folder.rglob("*")] if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


def _place(made: Path, folder: Path) -> None:
    """Give it its name. A rename replaces no folder that has files: then someone was first, with equal bytes."""
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        return
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.chmod(0o555)
    folder.chmod(0o555)


def _extract(archive: Path, folder: Path, limit_bytes: int) -> None:
    folder.mkdir()
    left = limit_bytes
    try:
        with zipfile.ZipFile(archive) as bundle:
            entries = bundle.infolist()
            if len(entries) > _ENTRIES:
                raise Unsupported(f"the bundle has {len(entries)} entries; at most {_ENTRIES} are unpacked")
            for entry in entries:
                target = folder / _safe(entry)
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                left -= _write(bundle, entry, target, left)
                target.chmod(0o555 if entry.external_attr >> 16 & 0o111 else 0o444)
    except _TooLarge as error:
        raise Unsupported(
            f"the bundle is over {limit_bytes // 1024**2} MiB unpacked", hint="leave out packages, or use a container"
        ) from error
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        FileExistsError,
        NotADirectoryError,
    ) as error:
        raise Corrupt(f"the bundle cannot be unpacked: {error}", hint="toolkit deploy") from error


class _TooLarge(Exception):
    pass


def _safe(entry: zipfile.ZipInfo) -> PurePosixPath:
    """The entry's place inside the bundle. Corrupt for absolute names, "..", links and devices."""
    name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name.split("/")[0]:
        raise Corrupt(f"the bundle has an entry that leads out of it: {name!r}")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise Corrupt(f"the bundle has an entry that is no plain file: {name!r}")
    return path


def _write(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    written = 0
    with bundle.open(entry) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > left:
                raise _TooLarge
            sink.write(chunk)
    return written
