"""An image on disk: a layout folder, or the same in one tar file (which `docker load` takes too).

Both hold one image. A folder that holds another image already is replaced as a whole index, its unused blobs removed.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from toolkit.domain import digest, oci
from toolkit.domain.errors import ConfigError, Corrupt
from toolkit.domain.oci import Descriptor, Image, Index, Manifest, Platform
from toolkit.packaging import cache

MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_MEMBER = re.compile(r"(?:\./)?(oci-layout|index\.json|blobs/sha256/[0-9a-f]{64})")
_FOLDER = re.compile(r"(?:\./)?(blobs(/sha256)?)?/?|\.")
CONTAINERD_NAME = "io.containerd.image.name"
_DOCKERS = "manifest.json"  # what `docker save` writes beside: left aside


@dataclass(frozen=True)
class Built:
    """One image whose blobs lie anywhere: `files` is digest -> file, `documents` digest -> bytes (the two JSONs)."""

    manifest: Manifest
    image: Image
    descriptor: Descriptor
    files: dict[str, Path]
    documents: dict[str, bytes]

    @property
    def digest(self) -> str:
        return self.descriptor.digest

    @property
    def size(self) -> int:
        """Bytes that a registry has to hold for it."""
        layers = sum(layer.size for layer in self.manifest.layers)
        return layers + self.manifest.config.size + self.descriptor.size

    def blobs(self) -> list[Descriptor]:
        """Layers, lowest first, and the configuration; each once."""
        return list({entry.digest: entry for entry in (*self.manifest.layers, self.manifest.config)}.values())

    def open(self, entry: Descriptor) -> bytes | Path:
        """The content of a blob, checked against its digest. Raises Corrupt."""
        if entry.digest in self.documents:
            return self.documents[entry.digest]
        path = self.files[entry.digest]
        if f"sha256:{digest.of_file(path)}" != entry.digest:
            raise Corrupt(f"{path} is not what its digest says", hint="toolkit image build")
        return path


def describe(data: bytes, media_type: str) -> Descriptor:
    return Descriptor(media_type, f"sha256:{digest.of_bytes(data)}", len(data))


def assemble(image: Image, layers: Sequence[Descriptor], files: dict[str, Path], notes: dict[str, str]) -> Built:
    """Manifest and configuration of layers whose files are known. `notes` are the manifest's annotations."""
    config = digest.canonical(image)
    held = describe(config, oci.CONFIG)
    made = Manifest(
        schema_version=2,
        media_type=oci.MANIFEST,
        config=held,
        layers=tuple(layers),
        annotations=dict(sorted(notes.items())),
    )
    text = digest.canonical(made)
    named = describe(text, oci.MANIFEST)
    named = msgspec.structs.replace(named, platform=Platform(image.architecture, image.os, image.variant))
    return Built(made, image, named, files, {held.digest: config, named.digest: text})


def read(path: Path, architecture: str, tag: str = "") -> Built:
    """The image of a layout folder. Raises ConfigError, NotFound, Unsupported or Corrupt; layers are checked when they
    are opened."""
    named, manifest = oci.manifest(path, architecture, tag)
    image = oci.image(path, manifest)
    files = {layer.digest: oci.blob(path, layer.digest) for layer in manifest.layers}
    for layer, file in zip(manifest.layers, files.values(), strict=False):
        if not file.is_file() or file.stat().st_size != layer.size:
            raise Corrupt(f"{path} lacks the layer {layer.digest}, or has part of it", hint="copy the image again")
    documents = {entry.digest: oci.verified(path, entry).read_bytes() for entry in (named, manifest.config)}
    return Built(manifest, image, named, files, documents)


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """A layout folder for what may be a folder or a tar file of one. Raises ConfigError or Corrupt."""
    if path.is_dir():
        yield path
    elif path.is_file():
        with cache.work() as folder:
            _unpack(path, folder)
            yield folder
    else:
        raise ConfigError(f"no image at {path}", hint="toolkit image build")


def _unpack(path: Path, folder: Path) -> None:
    (folder / "blobs" / "sha256").mkdir(parents=True)
    try:
        with tarfile.open(path, "r:*") as tar:
            for entry in tar:
                if (entry.isdir() and _FOLDER.fullmatch(entry.name)) or entry.name.removeprefix("./") == _DOCKERS:
                    continue
                match = _MEMBER.fullmatch(entry.name)
                stream = tar.extractfile(entry) if match and entry.isreg() else None
                if match is None or stream is None:
                    raise Corrupt(f"{path} holds {entry.name!r}, which is no part of an OCI layout")
                with (folder / match[1]).open("wb") as out:
                    shutil.copyfileobj(stream, out, 1 << 20)
    except (tarfile.TarError, EOFError) as error:
        raise Corrupt(f"{path} is no readable tar file: {error}") from error


def write(built: Built, path: Path, tag: str, advance: Callable[[int], None] = lambda n: None) -> None:
    """Write a layout folder, or one tar file where `path` ends in .tar. `tag` is "name:tag", or "" for none; `advance`
    counts bytes.

    Raises ConfigError (something else is there), StorageFull.
    """
    with cache.disk(f"cannot write the image to {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".tar":
            with cache.placing(path) as part, part.open("wb") as raw:
                _archive(built, raw, tag, advance)
        else:
            _folder(built, path, tag, advance)


def _folder(built: Built, path: Path, tag: str, advance: Callable[[int], None]) -> None:
    if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / "oci-layout").is_file())):
        raise ConfigError(f"{path} is there and is no image layout", hint="choose another --output")
    place = path / "blobs" / "sha256"
    place.mkdir(parents=True, exist_ok=True)
    for entry in [*built.blobs(), built.descriptor]:
        target = oci.blob(path, entry.digest)
        if not target.is_file() or f"sha256:{digest.of_file(target)}" != entry.digest:
            with cache.placing(target) as part:
                _copy(built.open(entry), part)
        advance(entry.size)
    for name, data in (("oci-layout", MARKER), ("index.json", _index(built, tag))):
        with cache.placing(path / name) as part:
            part.write_bytes(data)
    used = {oci.hexadecimal(entry.digest) for entry in [*built.blobs(), built.descriptor]}
    for old in place.iterdir():
        if old.name not in used:
            old.unlink()


def _copy(content: bytes | Path, to: Path) -> None:
    if isinstance(content, bytes):
        to.write_bytes(content)
        return
    to.unlink()
    try:
        os.link(content, to)  # the cache's files are never written in place
    except OSError:
        shutil.copyfile(content, to)


def _index(built: Built, tag: str) -> bytes:
    notes = {oci.REF_NAME: tag.rpartition(":")[2], CONTAINERD_NAME: f"docker.io/library/{tag}"} if tag else {}
    entry = msgspec.structs.replace(built.descriptor, annotations=notes)
    return digest.canonical(Index(schema_version=2, media_type=oci.INDEX, manifests=(entry,)))


def _archive(built: Built, raw: io.BufferedWriter, tag: str, advance: Callable[[int], None]) -> None:
    """One tar: the layout, and the manifest.json by which `docker load` before version 25 finds its way."""
    dockers = {
        "Config": _name(built.manifest.config),
        "RepoTags": [tag] if tag else [],
        "Layers": [_name(layer) for layer in built.manifest.layers],
    }
    documents = {"oci-layout": MARKER, "index.json": _index(built, tag), _DOCKERS: digest.canonical([dockers])}
    contents: dict[str, bytes | Path] = {
        _name(entry): built.open(entry) for entry in [*built.blobs(), built.descriptor]
    }
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted({**contents, **documents}.items()):
            entry = tarfile.TarInfo(name)
            entry.mode = 0o644
            if isinstance(content, bytes):
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.size = content.stat().st_size
                with content.open("rb") as stream:
                    tar.addfile(entry, stream)
            advance(entry.size)


def _name(entry: Descriptor) -> str:
    return f"blobs/sha256/{oci.hexadecimal(entry.digest)}"
