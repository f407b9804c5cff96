"""What must not travel: keys in code or beside a model, and pickles anywhere in a bundle.

Keys: what can be told for certain by its form. A pickle is told by its bytes, whatever its name, also inside zip, gzip,
bz2, xz and zlib wrappers (that is how joblib, torch and numpy hide theirs): reading one runs code.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import pickletools
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from toolkit.packaging import archive

KEY_FILES = re.compile(r"(.*\.env|\.env(\..+)?|id_(rsa|dsa|ecdsa|ed25519)|.*\.(pfx|p12|jks|keystore)|\.netrc|\.pypirc)")
EXAMPLE_FILES = re.compile(r".*\.(example|sample|template|dist)")

# what it is, a literal that must occur (a fast first look), and the form
_KEYS: tuple[tuple[str, bytes, re.Pattern[bytes]], ...] = (
    (
        "a private key",
        b"PRIVATE KEY",
        re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|\\r)+[A-Za-z0-9+/=:,\- ]{16}"),
    ),
    ("an AWS access key id", b"AKIA", re.compile(rb"\bAKIA(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}\b")),
    ("a temporary AWS access key id", b"ASIA", re.compile(rb"\bASIA(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}\b")),
    (
        "an AWS secret key",
        b"ecret",
        re.compile(
            rb"(?i)aws.{0,20}secret.{0,20}['\"\s:=]{1,5}(?![A-Za-z0-9/+]{0,30}EXAMPLEKEY)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
        ),
    ),
    ("a Google API key", b"AIza", re.compile(rb"\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])")),
    ("an Azure storage key", b"AccountKey=", re.compile(rb"AccountKey=[A-Za-z0-9+/]{80,}={0,2}")),
    ("a GitHub token", b"gh", re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})")),
    ("a Slack token", b"xox", re.compile(rb"\bxox[abpr]-[0-9]{6,}-[A-Za-z0-9-]{10,}")),
)

_PICKLE_NAMES = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".ckpt", ".p"})
_NAMING = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"})
_CALLING = frozenset({"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"})
_NAME = re.compile(r"[\w.]+ [\w.]+|\d+")
_PEEK = 1 << 20  # how much of a wrapped file is unpacked to look at it
_DEPTH = 3  # wrappers within wrappers


@dataclass(frozen=True)
class Found:
    """What was found, in which file, on which line (0: the file as a whole)."""

    what: str
    name: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.name} line {self.line}: {self.what}" if self.line else f"{self.name}: {self.what}"


def secret(name: str, data: bytes) -> Found | None:
    """The first key in a file, or that its name says it is one. The value itself is never in the result."""
    plain = PurePosixPath(name).name
    if KEY_FILES.fullmatch(plain) and not EXAMPLE_FILES.fullmatch(plain):
        return Found("a file of secrets by its name", name)
    for what, literal, form in _KEYS:
        match = form.search(data) if literal in data else None
        if match:
            return Found(what, name, data.count(b"\n", 0, match.start()) + 1)
    return None


def pickled(name: str, data: bytes) -> Found | None:
    """Whether a file is a pickle, by its name or by its bytes."""
    if PurePosixPath(name).suffix.lower() in _PICKLE_NAMES:
        return Found("a pickle by its name; reading one runs code", name)
    if _is_pickle(data, _DEPTH):
        return Found("a pickle by its content; reading one runs code", name)
    return None


def _is_pickle(data: bytes, depth: int) -> bool:
    if data[:6] == b"\x93NUMPY":
        return b"|O" in data[:256] or b"'O'" in data[:256]
    opcodes, calls = _trace(data)
    if calls or (data[:1] == b"\x80" and opcodes > 2):
        return True
    return depth > 0 and any(_is_pickle(inner, depth - 1) for inner in _unwrapped(data))


def _trace(data: bytes) -> tuple[int, bool]:
    """Follow the bytes as pickle opcodes, executing nothing: (how many could be read, whether one calls something).

    Protocols 0 and 1 have no mark at the start, and text can look like opcodes ("about." is five of them), so the
    depth of the stack is followed too. A stream cut off after the call still counts: loading it would have called.
    """
    depth, marks, named, count = 0, list[int](), False, 0
    with contextlib.suppress(Exception):  # genops lets whatever struct, int or utf-8 decoding raise escape
        for code, argument, _ in pickletools.genops(data):
            needs, gives = len(code.stack_before), len(code.stack_after)
            if pickletools.markobject in code.stack_before:
                needs = code.stack_before.index(pickletools.markobject)
                depth = marks.pop()
            if code.name == "MARK":
                marks.append(depth)
                gives = 0
            if depth < needs:
                break
            depth += gives - needs
            count += 1
            named = named or (code.name in _NAMING and (argument is None or bool(_NAME.fullmatch(str(argument)))))
            if named and code.name in _CALLING:
                return count, True
    return count, False


def _unwrapped(data: bytes) -> list[bytes]:
    if data[:4] == b"PK\3\4":
        return _zip_members(data)
    for magic, unpack in _WRAPPERS:
        if data.startswith(magic):
            try:
                return [unpack(data)]
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
                return []
    return []


def _zip_members(data: bytes) -> list[bytes]:
    found = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for entry in packed.infolist()[:10_000]:
                with packed.open(entry) as stream:
                    found.append(stream.read(_PEEK))
    except archive.DAMAGED:
        return found
    return found


def _file(kind: type[bz2.BZ2File] | type[lzma.LZMAFile]) -> Callable[[bytes], bytes]:
    def unpack(data: bytes) -> bytes:
        with kind(io.BytesIO(data)) as stream:
            return stream.read(_PEEK)

    return unpack


def _gzip(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        return stream.read(_PEEK)


def _zlib(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, _PEEK)


_WRAPPERS: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", _gzip),
    (b"BZh", _file(bz2.BZ2File)),
    (b"\xfd7zXZ", _file(lzma.LZMAFile)),
    (b"]\0\0", _file(lzma.LZMAFile)),
    *((bytes([0x78, flags]), _zlib) for flags in (0x01, 0x5E, 0x9C, 0xDA)),
)
