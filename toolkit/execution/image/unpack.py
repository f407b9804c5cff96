"""The layers of an image, one over the other, as a folder.

A layer is checked before it is opened: its own digest, and while it is read that of the tar inside. Names are resolved
against the new root as the image's own processes would see them: a link to /etc in a layer is the image's /etc, so no
name, link or sequence of both leads out of the folder.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import posixpath
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from toolkit.domain import oci
from toolkit.domain.errors import Corrupt, Unsupported
from toolkit.domain.oci import Descriptor, Image
from toolkit.execution import files

MAX_BYTES = 16 * 1024**3  # unpacked; a layer of zeros is small
MAX_FILES = 2_000_000
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_LINKS = 40


def unpack(layout: Path, root: Path, architecture: str, tag: str = "", *, limit: int = MAX_BYTES) -> Image:
    """Unpack the image of a layout folder into `root`, which is made and must be empty; its configuration.

    Raises Corrupt (a digest does not hold, a name leads out, more than `limit` bytes), NotFound, Unsupported (another
    architecture, a layer in another form), StorageFull.
    """
    _, manifest = oci.manifest(layout, architecture, tag)
    image = oci.image(layout, manifest)
    with files.translated(f"unpack the image into {root}"):
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            raise Corrupt(f"{root} is not empty: an image is unpacked into a new folder")
        into = _Root(root.resolve(), limit)
        for layer, diff_id in zip(manifest.layers, image.rootfs.diff_ids, strict=True):
            _layer(layout, layer, diff_id, into)
    return image


def _layer(layout: Path, layer: Descriptor, diff_id: str, into: _Root) -> None:
    if layer.kind not in {oci.LAYER, oci.LAYER_GZIP}:
        raise Unsupported(f"layer {layer.digest} is {layer.media_type}: only tar and gzip can be unpacked here")
    path = oci.verified(layout, layer)
    try:
        with _opened(path, layer) as stream:
            hashed = _Hashed(stream, into)
            with tarfile.open(fileobj=io.BufferedReader(hashed, 1 << 20), mode="r|") as tar:
                into.begin()
                for entry in tar:
                    into.take(tar, entry)
            while hashed.read(1 << 20):  # what pads the end of a tar is part of its digest
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Corrupt(f"layer {layer.digest} cannot be read: {error}") from error
    if f"sha256:{hashed.digest}" != diff_id:
        raise Corrupt(f"layer {layer.digest} unpacks to something else than the configuration says")


@contextmanager
def _opened(path: Path, layer: Descriptor) -> Iterator[BinaryIO]:
    with path.open("rb") as raw:
        if layer.kind == oci.LAYER:
            yield raw
        else:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked  # type: ignore[misc]


class _Hashed(io.RawIOBase):
    """Passes on what is read, counts it and knows its digest."""

    def __init__(self, of: BinaryIO, into: _Root) -> None:
        self._of, self._into, self._state = of, into, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._of.read(len(buffer))
        self._state.update(data)
        self._into.count(len(data))
        buffer[: len(data)] = data
        return len(data)

    @property
    def digest(self) -> str:
        return self._state.hexdigest()


class _Root:
    """The folder that layers are written into."""

    def __init__(self, root: Path, limit: int) -> None:
        self._root, self._left, self._files = root, limit, MAX_FILES
        self._owner = os.geteuid() == 0
        self._written: set[str] = set()

    def count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Corrupt("the image unpacks to more than it may")

    def begin(self) -> None:
        """A new layer: what it writes itself, an opaque marker of its own does not remove."""
        self._written = set()

    def take(self, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        self._files -= 1
        if self._files < 0:
            raise Corrupt("the image has more files than it may")
        folder, last = posixpath.split(_plain(entry.name))
        if last == _OPAQUE:
            self._empty(self._place(folder))
        elif last.startswith(_WHITEOUT):
            self._remove(self._place(folder) / _checked(last.removeprefix(_WHITEOUT), entry.name))
        elif last:
            self._write(tar, entry, self._place(folder), last)

    def _write(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path, last: str) -> None:
        path = folder / last
        if entry.isdir():
            if path.is_symlink() or not path.is_dir():
                self._remove(path)
                path.mkdir()
        elif entry.isreg():
            self._remove(path)
            stream = tar.extractfile(entry)
            with path.open("xb") as out:
                if stream is not None:
                    shutil.copyfileobj(stream, out, 1 << 20)
        elif entry.issym():
            self._remove(path)
            path.symlink_to(entry.linkname)
        elif entry.islnk():
            above, name = posixpath.split(_plain(entry.linkname))
            source = self._place(above) / name
            if not source.is_symlink() and not source.is_file():
                raise Corrupt(f"the image links {entry.name!r} to {entry.linkname!r}, which is not in it")
            if source != path:
                self._remove(path)
                os.link(source, path, follow_symlinks=False)
        else:
            return  # devices and pipes: an unpacked image gets this machine's /dev
        self._written.add(str(path))
        if not entry.issym() and not entry.islnk():
            self._own(path, entry)

    def _own(self, path: Path, entry: tarfile.TarInfo) -> None:
        """Owner and mode; never setuid or setgid, which would act on this machine."""
        if self._owner:
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
        path.chmod(stat.S_IMODE(entry.mode) & ~(stat.S_ISUID | stat.S_ISGID) | (0 if self._owner else stat.S_IRWXU))

    def _place(self, folder: str) -> Path:
        """The real folder that `folder` is inside the root, made where it is missing. Links are followed as a process
        with this root would: absolute ones start at the root, and .. stops there."""
        pending, here, followed = [part for part in folder.split("/") if part], self._root, 0
        while pending:
            part = pending.pop(0)
            if part in {"", "."}:
                continue
            if part == "..":
                here = here.parent if here != self._root else here
                continue
            path = here / part
            if path.is_symlink():
                followed += 1
                if followed > _LINKS:
                    raise Corrupt(f"the image's folder {folder!r} is a circle of links")
                target = os.readlink(path)  # noqa: PTH115  # as text: Path would tidy it
                here = self._root if target.startswith("/") else here
                pending = [*target.split("/"), *pending]
                continue
            if not path.is_dir():
                if path.exists():
                    raise Corrupt(f"the image has files below {folder!r}, which is a file")
                path.mkdir()
                self._written.add(str(path))
            here = path
        return here

    def _empty(self, folder: Path) -> None:
        """Remove what lower layers have put there."""
        for path in list(folder.iterdir()):
            if str(path) in self._written:
                if path.is_dir() and not path.is_symlink():
                    self._empty(path)
            else:
                self._remove(path)

    def _remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _plain(name: str) -> str:
    """'./usr//bin/' -> 'usr/bin'. Corrupt for a name that leads out."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise Corrupt(f"the image holds {name!r}, which leads out of it")
    return "/".join(parts)


def _checked(last: str, name: str) -> str:
    if last in {"", ".", ".."}:
        raise Corrupt(f"the image holds {name!r}, which would remove what is above")
    return last
