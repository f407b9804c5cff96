"""The OCI distribution API, client side: https://github.com/opencontainers/distribution-spec.

Every request is tried again while the registry is slow, busy or gone. What was sent and not answered is looked for
before it is sent again: a blob and a manifest are named by what they hold, so finding the name is finding the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from toolkit.domain import digest, oci
from toolkit.domain.errors import Corrupt, NotFound, ToolkitError, Unavailable
from toolkit.domain.oci import Descriptor
from toolkit.packaging.oci.wire import TooLarge, Wire, again, scope_of
from toolkit.ports.registry import Logins

CHUNK = 16 * 1024**2  # of an upload in parts; ECR takes no smaller ones than 5 MiB
PIECE = 1 << 20  # read from a file or a socket at once
_ACCEPTED = ", ".join(
    [oci.MANIFEST, oci.INDEX, *(name for name, twin in oci.TWINS.items() if twin in {oci.MANIFEST, oci.INDEX})]
)
Advance = Callable[[int], None]


def nothing(n: int) -> None:
    pass


class Registry:
    """One registry, for several threads at once."""

    def __init__(self, host: str, logins: Logins = lambda host: None, *, plain_http: bool = False) -> None:
        self.host = host
        self._wire = Wire(host, logins, plain_http=plain_http)

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *error: object) -> None:
        self._wire.close()

    def manifest(self, repository: str, version: str) -> tuple[bytes, str]:
        """(bytes, media type) of a manifest or an index by tag or digest, checked against the digest. NotFound."""

        def get() -> tuple[bytes, str]:
            with self._wire.ask(
                "GET", f"{repository}/manifests/{version}", repository, headers={"Accept": _ACCEPTED}
            ) as got:
                self._wire.expect(got, {200}, f"read {self.host}/{repository}:{version}")
                data = b"".join(_limited(got.iter_bytes(PIECE), oci.MAX_DOCUMENT, version))
                kind = got.headers.get("content-type", "").partition(";")[0].strip()
                told = got.headers.get("docker-content-digest", "")
            for wanted in {version if ":" in version else told, told} - {""}:
                if wanted.startswith("sha256:") and wanted != f"sha256:{digest.of_bytes(data)}":
                    raise Corrupt(f"{self.host}/{repository}: the manifest {version} is not what its digest says")
            return data, kind

        return again(get)

    def digest_of(self, repository: str, version: str) -> str:
        """The digest that a tag stands for now; "" where there is none."""

        def head() -> str:
            path = f"{repository}/manifests/{version}"
            with self._wire.ask("HEAD", path, repository, headers={"Accept": _ACCEPTED}) as got:
                if got.status_code == 404:
                    return ""
                self._wire.expect(got, {200}, f"look for {self.host}/{repository}:{version}")
                return str(got.headers.get("docker-content-digest", ""))

        found = again(head)
        return found or self._digest_by_content(repository, version)

    def _digest_by_content(self, repository: str, version: str) -> str:
        try:
            return f"sha256:{digest.of_bytes(self.manifest(repository, version)[0])}"
        except NotFound:
            return ""

    def has(self, repository: str, of: Descriptor) -> bool:
        def head() -> bool:
            with self._wire.ask("HEAD", f"{repository}/blobs/{of.digest}", repository) as got:
                if got.status_code == 404:
                    return False
                self._wire.expect(got, {200}, f"look for a layer in {self.host}/{repository}")
                return True

        return again(head)

    def fetch(self, repository: str, of: Descriptor, to: Path, advance: Advance = nothing) -> None:
        """Download a blob into `to`, from where an earlier try stopped, and check it. Raises NotFound, Corrupt."""
        state, done = hashlib.sha256(), 0
        with to.open("wb") as out:

            def get() -> None:
                nonlocal state, done
                ranged = {"Range": f"bytes={done}-"} if done else {}
                with self._wire.ask("GET", f"{repository}/blobs/{of.digest}", repository, headers=ranged) as got:
                    self._wire.expect(got, {200, 206}, f"read a layer of {self.host}/{repository}")
                    if done and got.status_code == 200:  # it does not know ranges: from the start
                        advance(-done)
                        state, done = hashlib.sha256(), 0
                        out.seek(0)
                        out.truncate()
                    for piece in _limited(got.iter_raw(PIECE), of.size - done, of.digest):
                        out.write(piece)
                        state.update(piece)
                        done += len(piece)
                        advance(len(piece))
                if done < of.size:
                    raise Unavailable(f"{self.host} sent {done:,} of the {of.size:,} bytes of {of.digest}")

            again(get)
        if f"sha256:{state.hexdigest()}" != of.digest:
            raise Corrupt(f"{self.host}/{repository}: the layer {of.digest} is not what its digest says")

    def mount(self, repository: str, of: Descriptor, source: str) -> bool:
        """Let the registry take a blob from another of its repositories: True if it did, nothing was sent."""
        scopes = f"{scope_of(repository, write=True)} {scope_of(source, write=False)}"

        def post() -> bool:
            question = {"mount": of.digest, "from": source}
            with self._wire.ask("POST", f"{repository}/blobs/uploads/", scopes, params=question, length=0) as got:
                self._wire.expect(got, {201, 202, 404, 405}, f"push to {self.host}/{repository}")
                if got.status_code == 202 and got.headers.get("location"):
                    self._abandon(self._wire.location(got), repository)
                return bool(got.status_code == 201)

        try:
            return again(post)
        except ToolkitError:
            return False  # may not read there: it is sent instead

    def _abandon(self, location: str, repository: str) -> None:
        """Cancel an upload that is not needed; a registry that cannot forgets it by itself."""
        try:
            with self._wire.ask("DELETE", location, scope_of(repository, write=True)):
                pass
        except ToolkitError:
            pass

    def upload(
        self, repository: str, of: Descriptor, content: bytes | Path, advance: Advance = nothing, *, chunk: int = 0
    ) -> None:
        """Send a blob, in one request, or in parts of `chunk` bytes; in parts too where a proxy refuses the size.

        Raises PermissionDenied, Unauthenticated, NotFound (no such repository), Corrupt (refused by digest),
        Unavailable.
        """
        sent = 0

        def progress(n: int) -> None:
            nonlocal sent
            sent += n
            advance(n)

        def put() -> None:
            nonlocal sent, chunk
            if sent:  # an earlier try: its reply may be all that was lost
                advance(-sent)
                sent = 0
                if self.has(repository, of):
                    advance(of.size)
                    return
            try:
                self._send(repository, of, content, progress, chunk)
            except TooLarge:
                if chunk:
                    raise
                chunk = CHUNK
                advance(-sent)
                sent = 0
                self._send(repository, of, content, progress, chunk)

        again(put)

    def _send(self, repository: str, of: Descriptor, content: bytes | Path, advance: Advance, chunk: int) -> None:
        scope, what = scope_of(repository, write=True), f"push to {self.host}/{repository}"
        with self._wire.ask("POST", f"{repository}/blobs/uploads/", scope, length=0) as got:
            self._wire.expect(got, {202}, what)
            location = self._wire.location(got)
        if chunk:
            location = self._parts(location, of, content, advance, chunk, scope, what)
            body: Callable[[], Any] = lambda: b""  # noqa: E731
            length = 0
        else:
            body, length = (lambda: _pieces(content, 0, of.size, advance)), of.size
        headers = {"Content-Type": "application/octet-stream"}
        where = _with_digest(location, of.digest)
        with self._wire.ask("PUT", where, scope, headers=headers, body=body, length=length) as got:
            self._wire.expect(got, {201}, what)
            told = got.headers.get("docker-content-digest", of.digest)
            if told != of.digest:
                raise Corrupt(f"{self.host}/{repository} kept {told} where {of.digest} was sent")

    def _parts(
        self, location: str, of: Descriptor, content: bytes | Path, advance: Advance, chunk: int, scope: str, what: str
    ) -> str:
        begin = 0
        while begin < of.size:
            end = min(begin + chunk, of.size)
            headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{begin}-{end - 1}"}
            body = lambda b=begin, e=end: _pieces(content, b, e, nothing)  # noqa: E731
            with self._wire.ask("PATCH", location, scope, headers=headers, body=body, length=end - begin) as got:
                self._wire.expect(got, {202}, what)
                location = self._wire.location(got)
            advance(end - begin)
            begin = end
        return location

    def put_manifest(self, repository: str, tag: str, data: bytes, media_type: str) -> str:
        """Name an image whose blobs are there; its digest, as the registry tells it."""
        mine, scope = f"sha256:{digest.of_bytes(data)}", scope_of(repository, write=True)
        what, tried = f"push {self.host}/{repository}:{tag}", 0

        def put() -> str:
            nonlocal tried
            tried += 1
            if tried > 1 and self.digest_of(repository, tag) == mine:
                return mine
            path, headers = f"{repository}/manifests/{tag}", {"Content-Type": media_type}
            with self._wire.ask("PUT", path, scope, headers=headers, body=lambda: data, length=len(data)) as got:
                self._wire.expect(got, {201}, what)
                return str(got.headers.get("docker-content-digest") or mine)

        told = again(put)
        if told != mine:
            raise Corrupt(f"{self.host}/{repository}:{tag} is {told}, not the {mine} that was sent")
        return told


def _with_digest(location: str, named: str) -> str:
    return f"{location}{'&' if urlsplit(location).query else '?'}digest={named}"


def _pieces(content: bytes | Path, begin: int, end: int, advance: Advance) -> Iterator[bytes]:
    if isinstance(content, bytes):
        advance(end - begin)
        yield content[begin:end]
        return
    with content.open("rb") as stream:
        stream.seek(begin)
        while begin < end and (piece := stream.read(min(PIECE, end - begin))):
            yield piece
            begin += len(piece)
            advance(len(piece))


def _limited(pieces: Iterator[bytes], limit: int, what: str) -> Iterator[bytes]:
    for piece in pieces:
        limit -= len(piece)
        if limit < 0:
            raise Corrupt(f"{what}: more bytes arrive than were announced")
        yield piece
