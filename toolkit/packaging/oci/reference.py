"""`registry/repository:tag@sha256:...` as people write it. Docker's short names are completed as Docker does."""

from __future__ import annotations

import re
from dataclasses import dataclass

from toolkit.domain.errors import ConfigError

DOCKER_HUB = "registry-1.docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", DOCKER_HUB})
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """`digest` ("sha256:...") wins over `tag` where both are given."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def version(self) -> str:
        return self.digest or self.tag

    def __str__(self) -> str:
        host = "docker.io" if self.host == DOCKER_HUB else self.host
        tag, digest = f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else ""
        return f"{host}/{self.repository}{tag}{digest}"


def parse(text: str) -> Reference:
    """ConfigError, saying which part is wrong. "python:3.13" is docker.io/library/python:3.13; no tag is "latest"."""
    name, _, digest = text.partition("@")
    if digest and not _DIGEST.fullmatch(digest):
        raise _wrong(text, f"{digest!r} is no sha256 digest")
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _wrong(text, f"{tag!r} is no tag")
    host, repository = _split(f"{head}{slash}{last}")
    if not _HOST.fullmatch(host):
        raise _wrong(text, f"{host!r} is no host")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > 255:
        raise _wrong(text, f"{repository!r} is no repository: lower-case letters, digits and inner . _ - between /")
    return Reference(host, repository, tag or ("" if digest else "latest"), digest)


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        if first in _HUB_NAMES:
            return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"
        return first, rest
    return DOCKER_HUB, name if "/" in name else f"library/{name}"


def _wrong(text: str, why: str) -> ConfigError:
    return ConfigError(f"{text!r} is no image reference: {why}", hint="write registry.example/team/name:tag")
