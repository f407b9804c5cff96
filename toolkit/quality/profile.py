"""What a counter hands over: a flat vector of counts and a few sums, a few kB as bytes, to be added to others.

Bytes: "DLP", format, writer's version, 16 bytes naming the baseline whose cells these are, then a CRC-32 of what
follows: rows, bytes a count, six floats a numeric column, and zlib over the counts of all cells. Leaving out the empty
cells would save no bytes after zlib and cost time when ten thousand are added.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from toolkit import __version__
from toolkit.domain.errors import ConfigError, Corrupt, NewerFormat

if TYPE_CHECKING:
    from toolkit.quality.baseline import Baseline

MAGIC = b"DLP"
FORMAT = 1
NAME = 16  # bytes of the baseline's digest that a profile carries
MOMENTS = 6
_FIXED = struct.Struct("<QB")
_CRC = struct.Struct("<I")
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_AGAIN = "toolkit audit verify"


class Moments(NamedTuple):
    """Of the finite values of a numeric column. `below` and `above` are the summed distances beyond the outer edges.

    Infinite values are counted in the outer cells only. An empty column has minimum inf and maximum -inf.
    """

    total: float = 0.0
    squares: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    below: float = 0.0
    above: float = 0.0

    def plus(self, other: Moments) -> Moments:
        return Moments(
            self.total + other.total,
            self.squares + other.squares,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            self.below + other.below,
            self.above + other.above,
        )


class Profile(NamedTuple):
    """Counts of `rows` rows in the cells of one baseline (`baseline`: the first 16 bytes of its digest)."""

    baseline: bytes
    rows: int
    counts: list[int]
    moments: list[Moments]

    def to_bytes(self) -> bytes:
        return encode(self.baseline, self.rows, self.counts, self.moments)


def header(magic: bytes, form: int) -> bytes:
    """The first bytes of everything written here: magic, format, and who wrote it, for the hint of a refusal."""
    writer = __version__.encode()
    return magic + bytes((form, len(writer))) + writer


def body(data: bytes, magic: bytes, form: int, what: str) -> bytes:
    """What follows the header. Raises NewerFormat (which version to install) or Corrupt."""
    start = len(magic)
    if data[:start] != magic or len(data) < start + 2:
        raise Corrupt(f"not a {what}: it begins with {data[:8]!r}", hint=_AGAIN)
    found, length = data[start], data[start + 1]
    writer = data[start + 2 : start + 2 + length].decode("ascii", "replace")
    if found > form:
        raise NewerFormat(
            f"{what} has format {found}; this version reads up to {form}", hint=f"pip install 'driftloop>={writer}'"
        )
    return data[start + 2 + length :]


def encode(baseline: bytes, rows: int, counts: Sequence[int], moments: Iterable[Moments]) -> bytes:
    largest = max(counts, default=0).bit_length()
    width = next(size for size in _CODES if largest <= 8 * size)
    floats = [number for column in moments for number in column]
    plain = struct.pack(f"<{len(counts)}{_CODES[width]}", *counts)
    planes = b"".join(plain[place::width] for place in range(width))
    packed = _FIXED.pack(rows, width) + struct.pack(f"<{len(floats)}d", *floats) + zlib.compress(planes, 6)
    return header(MAGIC, FORMAT) + baseline + _CRC.pack(zlib.crc32(packed)) + packed


class Sections(NamedTuple):
    """A profile taken apart: six floats of 8 bytes a numeric column, and the `width` bytes of each count.

    Of the counts come first the lowest bytes of all cells, then the next: the upper ones are mostly zeros, which makes
    the whole a fifth smaller and quicker to unpack.
    """

    rows: int
    width: int
    floats: bytes
    planes: bytes


def sections(data: bytes, baseline: Baseline) -> Sections:
    """Raises NewerFormat, Corrupt, or ConfigError when the profile was counted against another baseline."""
    rest = body(data, MAGIC, FORMAT, "profile")
    if rest[:NAME] != baseline.name:
        raise ConfigError(
            f"a profile was counted against baseline {rest[:NAME].hex()[:12]}, this one is {baseline.name.hex()[:12]}",
            hint="profiles of different model versions are never added",
        )
    try:
        (crc,) = _CRC.unpack_from(rest, NAME)
        packed = rest[NAME + _CRC.size :]
        rows, width = _FIXED.unpack_from(packed)
        floats = packed[_FIXED.size : _FIXED.size + 8 * MOMENTS * baseline.moments]
        planes = zlib.decompress(packed[_FIXED.size + len(floats) :])
    except (struct.error, zlib.error) as error:
        raise Corrupt(f"a profile cannot be read: {error}", hint=_AGAIN) from error
    if zlib.crc32(packed) != crc or width not in _CODES or len(planes) != width * baseline.size:
        raise Corrupt("a profile's bytes are not what was written", hint=_AGAIN)
    return Sections(rows, width, floats, planes)


def decode(data: bytes, baseline: Baseline) -> Profile:
    """Raises as `sections` does."""
    rows, width, floats, planes = sections(data, baseline)
    plain = bytearray(len(planes))
    for place in range(width):
        plain[place::width] = planes[place * baseline.size : (place + 1) * baseline.size]
    counts = list(struct.unpack(f"<{baseline.size}{_CODES[width]}", plain))
    return Profile(baseline.name, rows, counts, [Moments(*six) for six in struct.iter_unpack("<6d", floats)])
