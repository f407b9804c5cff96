"""The words of the OCI image format, as far as we speak it: descriptor, manifest, index, image configuration, layout.

Two floors read images: packaging makes and pushes them, execution runs them. What they share lies here. Docker's own
media types (schema 2) are read as their OCI twins, which have the same fields.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from toolkit.domain import digest
from toolkit.domain.errors import ConfigError, Corrupt, NotFound, Unsupported

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
REF_NAME = "org.opencontainers.image.ref.name"

# Docker's name -> OCI's
TWINS = {
    "application/vnd.docker.distribution.manifest.list.v2+json": INDEX,
    "application/vnd.docker.distribution.manifest.v2+json": MANIFEST,
    "application/vnd.docker.container.image.v1+json": CONFIG,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER_GZIP,
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
}
MAX_DOCUMENT = 4 * 1024**2  # registries take no manifest larger than this
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_Document = TypeVar("_Document")


class Platform(msgspec.Struct, frozen=True, omit_defaults=True):
    architecture: str
    os: str = ""
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a blob is, its "sha256:..." and its size in bytes."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: dict[str, str] = {}

    @property
    def kind(self) -> str:
        return TWINS.get(self.media_type, self.media_type)


class Index(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    schema_version: int
    media_type: str = ""
    manifests: tuple[Descriptor, ...]


class Manifest(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    schema_version: int
    media_type: str = ""
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: dict[str, str] = {}


class Process(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """How a container of the image is started (the key `config` of the configuration)."""

    user: str = ""
    exposed_ports: dict[str, dict[str, str]] | None = None
    env: list[str] | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    working_dir: str = ""
    labels: dict[str, str] | None = None
    stop_signal: str = ""

    def variables(self) -> dict[str, str]:
        return dict(pair.partition("=")[::2] for pair in self.env or ())


class RootFs(msgspec.Struct, frozen=True):
    """`diff_ids`: digests of the layers' tar files before compression, the lowest first."""

    diff_ids: list[str]
    type: str = "layers"


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    created: str = ""
    created_by: str = ""
    comment: str = ""
    author: str = ""
    empty_layer: bool = False


class Image(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The configuration of an image."""

    created: str = ""
    author: str = ""
    architecture: str
    os: str
    variant: str = ""
    config: Process = Process()
    rootfs: RootFs
    history: list[Step] = []


def hexadecimal(text: str) -> str:
    """The digits of "sha256:<digits>". Corrupt for anything else: they become a file name."""
    if not _DIGEST.fullmatch(text):
        raise Corrupt(f"{text[:80]!r} is not a sha256 digest")
    return text.partition(":")[2]


def blob(layout: Path, named: str) -> Path:
    return layout / "blobs" / "sha256" / hexadecimal(named)


def parse(data: bytes, kind: type[_Document], what: str) -> _Document:
    """Corrupt where the bytes are no such document."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{what} is no OCI {kind.__name__.lower()}: {error}") from error


def verified(layout: Path, of: Descriptor) -> Path:
    """The file of a blob, after its size and digest were compared. NotFound or Corrupt."""
    path = blob(layout, of.digest)
    if not path.is_file():
        raise NotFound(f"{layout} lacks the blob {of.digest}", hint="build or copy the image again")
    if path.stat().st_size != of.size or f"sha256:{digest.of_file(path)}" != of.digest:
        raise Corrupt(f"{path} is not what its digest says", hint="build or copy the image again")
    return path


def document(layout: Path, of: Descriptor, kind: type[_Document]) -> _Document:
    if of.size > MAX_DOCUMENT:
        raise Corrupt(f"{of.digest} claims {of.size:,} bytes, too many for a manifest")
    return parse(verified(layout, of).read_bytes(), kind, of.digest)


def index(layout: Path) -> Index:
    """index.json of a layout folder. ConfigError where the folder is none."""
    if not (layout / "oci-layout").is_file() or not (layout / "index.json").is_file():
        raise ConfigError(f"{layout} is no OCI image layout: it has no oci-layout and index.json")
    return parse((layout / "index.json").read_bytes(), Index, str(layout / "index.json"))


def choose(found: Index, architecture: str, what: str) -> Descriptor:
    """The entry for Linux on `architecture` ("amd64", "arm64"); one that names no platform will do.

    Unsupported, naming what there is.
    """
    images = [entry for entry in found.manifests if entry.kind in {MANIFEST, INDEX}]
    for entry in images:
        if entry.platform and (entry.platform.os, entry.platform.architecture) == ("linux", architecture):
            return entry
    for entry in images:
        if entry.platform is None:
            return entry
    has = ", ".join(f"{e.platform.os}/{e.platform.architecture}" for e in images if e.platform) or "no image"
    raise Unsupported(f"{what} is not there for linux/{architecture}: it has {has}", hint="choose another base image")


def manifest(layout: Path, architecture: str, tag: str = "") -> tuple[Descriptor, Manifest]:
    """The image of a layout folder, by its tag where there are several. Raises NotFound, Unsupported, Corrupt."""
    found = index(layout)
    if tag:
        named = tuple(entry for entry in found.manifests if entry.annotations.get(REF_NAME) == tag)
        if not named:
            tags = sorted({entry.annotations.get(REF_NAME, "") for entry in found.manifests} - {""})
            raise NotFound(f"{layout} has no image {tag!r}: it has {', '.join(tags) or 'none with a name'}")
        found = msgspec.structs.replace(found, manifests=named)
    entry = choose(found, architecture, str(layout))
    for _ in range(4):  # an index may name an index
        if entry.kind != INDEX:
            return entry, document(layout, entry, Manifest)
        entry = choose(document(layout, entry, Index), architecture, str(layout))
    raise Corrupt(f"{layout} nests its indexes too deeply")


def image(layout: Path, of: Manifest) -> Image:
    """Its configuration; Corrupt where that and the layers do not agree in number."""
    found = document(layout, of.config, Image)
    if len(found.rootfs.diff_ids) != len(of.layers):
        raise Corrupt(f"{layout}: {len(of.layers)} layers, but {len(found.rootfs.diff_ids)} in the configuration")
    return found


def with_twins(of: Manifest) -> Manifest:
    """The same manifest in OCI's own media types: what a manifest of ours may refer to."""

    def renamed(entry: Descriptor) -> Descriptor:
        return Descriptor(entry.kind, entry.digest, entry.size)

    return msgspec.structs.replace(of, layers=tuple(renamed(layer) for layer in of.layers), config=renamed(of.config))
