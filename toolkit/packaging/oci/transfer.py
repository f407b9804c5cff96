"""A whole image to a registry or from one: only what is missing moves, several blobs at a time.

The configuration and the layers go first, the manifest last: what has no manifest does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from toolkit.domain import digest, oci
from toolkit.domain.errors import Corrupt
from toolkit.domain.oci import Descriptor, Image, Index, Manifest
from toolkit.packaging import cache
from toolkit.packaging.oci.layout import Built
from toolkit.packaging.oci.reference import Reference
from toolkit.packaging.oci.registry import Advance, Registry, nothing

AT_ONCE = 4
KEPT = 64  # blobs of bases that stay in the user's cache
T = TypeVar("T")


@dataclass(frozen=True)
class Pushed:
    """Counts of blobs: `uploaded` were sent (`sent` bytes), `mounted` taken from another repository, `there` were so.
    `named`: whether the tag had to be set."""

    digest: str
    uploaded: int
    mounted: int
    there: int
    sent: int
    named: bool


def push(
    built: Built, to: Reference, registry: Registry, advance: Advance = nothing, *, source: str = "", chunk: int = 0
) -> Pushed:
    """Make `to` name this image. `source`: another repository of the same registry that may hold its blobs (that of
    the base). `advance` counts bytes, those that need not be sent too. Raises what the registry's calls raise."""

    def move(entry: Descriptor) -> str:
        if registry.has(to.repository, entry):
            advance(entry.size)
            return "there"
        if source and source != to.repository and registry.mount(to.repository, entry, source):
            advance(entry.size)
            return "mounted"
        registry.upload(to.repository, entry, built.open(entry), advance, chunk=chunk)
        return "uploaded"

    blobs = built.blobs()
    done = _at_once(move, blobs)
    sent = sum(entry.size for entry, how in zip(blobs, done, strict=True) if how == "uploaded")
    named = registry.digest_of(to.repository, to.version) != built.digest
    if named:
        data = built.documents[built.digest]
        registry.put_manifest(to.repository, to.version, data, built.descriptor.media_type)
    return Pushed(built.digest, done.count("uploaded"), done.count("mounted"), done.count("there"), sent, named)


def resolve(of: Reference, registry: Registry, architecture: str) -> tuple[Descriptor, bytes]:
    """(descriptor, bytes) of the manifest for Linux on `architecture` behind a tag or a digest."""
    version = of.version
    for _ in range(4):
        data, told = registry.manifest(of.repository, version)
        kind = oci.TWINS.get(told, told)
        named = Descriptor(kind, f"sha256:{digest.of_bytes(data)}", len(data))
        if kind != oci.INDEX:
            return named, data
        version = oci.choose(oci.parse(data, Index, str(of)), architecture, str(of)).digest
    raise Corrupt(f"{of} nests its indexes too deeply")


def pull(
    of: Reference, registry: Registry, architecture: str, track: Callable[[int], Advance] = lambda total: nothing
) -> Built:
    """An image of a registry, its blobs in the user's cache. `track(bytes)` is called once there is something to load.

    Raises NotFound, Unsupported (another architecture), Corrupt, Unauthenticated, Unavailable.
    """
    named, data = resolve(of, registry, architecture)
    manifest = oci.parse(data, Manifest, str(of))
    place = cache.folder("oci-blobs")
    files = {entry.digest: place / oci.hexadecimal(entry.digest) for entry in (*manifest.layers, manifest.config)}
    missing = {e.digest: e for e in (*manifest.layers, manifest.config) if not _is_there(files[e.digest], e)}
    if missing:
        advance = track(sum(entry.size for entry in missing.values()))

        def get(entry: Descriptor) -> None:
            with cache.placing(files[entry.digest]) as part:
                registry.fetch(of.repository, entry, part, advance)

        _at_once(get, missing.values())
        _keep(place, files.values())
    config = files[manifest.config.digest].read_bytes()
    image = oci.parse(config, Image, str(of))
    if len(image.rootfs.diff_ids) != len(manifest.layers):
        raise Corrupt(f"{of}: {len(manifest.layers)} layers, but {len(image.rootfs.diff_ids)} in its configuration")
    return Built(manifest, image, named, files, {named.digest: data, manifest.config.digest: config})


def _is_there(path: Path, entry: Descriptor) -> bool:
    """A blob of the cache is checked whenever it is opened; here its digest decides whether to load it again."""
    return path.is_file() and path.stat().st_size == entry.size and f"sha256:{digest.of_file(path)}" == entry.digest


def _keep(place: Path, used: Iterable[Path]) -> None:
    for path in used:
        path.touch()
    cache.keep_newest(place, "*", KEPT)


def _at_once(call: Callable[[Descriptor], T], entries: Iterable[Descriptor]) -> list[T]:
    """Results in order; the first error ends it, and what has not begun is not begun."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="blobs") as pool:
        running = [pool.submit(call, entry) for entry in entries]
        try:
            return [future.result() for future in running]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
