"""What a CSV file is before anything is parsed: UTF-8, its separator, its header, and rows of one width.

One pass over the bytes. The parser that follows fills short rows silently and names no line for long ones, so both are
found here, with the line number.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

from toolkit.domain.errors import DataError

BLOCK = 8 << 20
SEPARATORS = ",;\t|"
SNIFFED_BYTES = 256 << 10
_QUOTED = re.compile(rb'"[^"]*"')
_QUOTED_ON_ONE_LINE = re.compile(rb'"[^"\n]*"')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_UTF16 = {b"\xff\xfe": "UTF-16LE", b"\xfe\xff": "UTF-16BE"}
_ARCHIVES = {b"PK\x03\x04": "a zip archive (or a spreadsheet)", b"\x1f\x8b": "gzip", b"PAR1": "Parquet"}


@dataclass(frozen=True)
class Layout:
    """`names` are unique and not empty; `renamed` says in words what was done to make them so.

    `skip` counts the physical lines before the first row.
    """

    separator: str
    names: tuple[str, ...]
    skip: int
    renamed: tuple[tuple[str, str], ...] = field(default=())


def examine(path: Path, name: str) -> Layout:
    """Raises DataError naming file, line or byte: empty, not UTF-8, no header, no rows, rows of different width."""
    with path.open("rb") as stream:
        head = stream.read(SNIFFED_BYTES)
    _refuse_other_formats(head, name)
    text = _decoded(head[: head.rfind(b"\n") + 1] or head, 0, name).removeprefix("\ufeff")
    blank = len(text) - len(text.lstrip("\r\n"))
    before = text[:blank].count("\n")
    text = text[blank:]
    if not text.strip():
        raise DataError(f"{name} is empty", hint="check how the file was exported")
    if "\n" not in text.replace("\r\n", "\n") and "\r" in text:
        raise DataError(f"{name}: lines end in a bare carriage return", hint=f"tr '\\r' '\\n' < {name} > lines.csv")
    separator = _separator(text)
    fields, lines = _first_record(text, separator)
    if len(fields) > 0 and all(_NUMBER.fullmatch(f.strip()) for f in fields):
        raise DataError(
            f"{name}: line {before + 1} is {text.splitlines()[0][:60]!r}, which is data: the file has no header",
            hint="put the column names on the first line",
        )
    names, renamed = unique(fields)
    rows = _check_rows(path, name, separator, width=len(fields), skip=before + lines)
    if not rows:
        raise DataError(f"{name} has a header and no rows", hint="check how the file was exported")
    return Layout(separator, names, before + lines, renamed)


def _refuse_other_formats(head: bytes, name: str) -> None:
    if not head.strip():
        raise DataError(f"{name} is empty", hint="check how the file was exported")
    for magic, what in _ARCHIVES.items():
        if head.startswith(magic):
            raise DataError(f"{name} is {what}, not CSV text", hint="unpack it, or give the file its proper ending")
    for mark, encoding in _UTF16.items():
        if head.startswith(mark):
            raise _not_utf8(name, 0, encoding)
    if b"\0" in head[:4096]:
        offset = head.index(b"\0")
        if head[:400].count(b"\0") > len(head[:400]) // 4:
            raise _not_utf8(name, offset, "UTF-16LE" if offset % 2 else "UTF-16BE")
        raise DataError(f"{name}: byte {offset:,} is zero: this is a binary file, not CSV text")


def _decoded(data: bytes, offset: int, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        near = data[max(0, error.start - 2000) : error.start + 2000]
        undefined = any(byte in near for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D))
        raise _not_utf8(name, offset + error.start, "ISO-8859-1" if undefined else "WINDOWS-1252") from error


def _not_utf8(name: str, offset: int, encoding: str) -> DataError:
    return DataError(
        f"{name}: byte {offset:,} is not UTF-8; the file is probably {encoding}",
        hint=f"iconv -f {encoding} -t UTF-8 '{name}' > utf8.csv",
    )


def _separator(text: str) -> str:
    """The candidate that cuts most lines into as many fields as the header, then the one that cuts into most."""
    sample = text.splitlines()[:100]

    def score(candidate: str) -> tuple[bool, float, int]:
        widths = [len(row) for row in _records(sample, candidate) if row]
        if not widths or widths[0] < 2:
            return (False, 0.0, 0)
        return (True, round(widths.count(widths[0]) / len(widths), 1), widths[0])

    return max(SEPARATORS, key=score)


def _records(lines: Sequence[str], separator: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader((line + "\n" for line in lines), delimiter=separator)
    except csv.Error:  # a field over csv's limit: what was read so far decides
        return


def _first_record(text: str, separator: str) -> tuple[list[str], int]:
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    try:
        return next(reader), reader.line_num
    except csv.Error as error:
        raise DataError(f"the header cannot be read: {error}") from error


def unique(fields: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Whole names, and in words what was done to make them so.

    Empty names become column_3 (their position), repeated ones x_2; patterns (`*`, `^a$`) would select other columns
    and get a word before them.
    """
    names: list[str] = []
    renamed: list[tuple[str, str]] = []
    taken = {field.strip() for field in fields}
    for position, raw in enumerate(fields, 1):
        plain = " ".join(raw.split()) or f"column_{position}"
        if plain == "*" or (plain.startswith("^") and plain.endswith("$")):
            renamed.append(
                (f"column {plain}", f"{plain!r} at column {position} is a pattern; it is called 'column {plain}'")
            )
            plain = f"column {plain}"
        name, number = plain, 2
        while name in names or (not raw.strip() and name in taken):
            name, number = f"{plain}_{number}", number + 1
        if not raw.strip():
            renamed.append((name, f"column {position} has no name in the header; it is called {name!r}"))
        elif name != plain:
            renamed.append((name, f"the header has {plain!r} again at column {position}; it is called {name!r}"))
        names.append(name)
    return tuple(names), tuple(renamed)


def _check_rows(path: Path, name: str, separator: str, *, width: int, skip: int) -> int:
    """The number of rows. DataError names the first that is too short or too long."""
    held, number, offset = 0, 0, 0
    for block in _blocks(path):
        _decoded(block, offset, name)
        offset += len(block)
        lines = block.removesuffix(b"\n").split(b"\n")
        rows = lines[max(0, skip - number) :]
        number += len(lines)
        before = number - len(rows)
        alike = width > 1 and _separators(rows, separator) == {width - 1}
        held += len(rows) if alike else _check_lines(rows, name, separator, width, before)
    return held


def _separators(lines: Sequence[bytes], separator: str) -> set[int]:
    """How many separators outside quotes the lines have, at C speed; {-1} where a quote spans lines or is stray."""
    block = b"\n".join(lines)
    if b'"' in block:
        block = _QUOTED_ON_ONE_LINE.sub(b"", block)
        if b'"' in block:
            return {-1}
        lines = block.split(b"\n")
    return set(map(bytes.count, lines, repeat(separator.encode())))


def _blocks(path: Path) -> Iterator[bytes]:
    """Whole records: cut at a line end outside quotes. One that grows without end is handed on as it is."""
    rest = b""
    with path.open("rb") as stream:
        while data := stream.read(BLOCK):
            rest += data
            cut = rest.rfind(b"\n") + 1
            inside = rest.count(b'"', 0, cut) % 2
            while cut and inside:
                earlier = rest.rfind(b"\n", 0, cut - 1) + 1
                inside ^= rest.count(b'"', earlier, cut) % 2
                cut = earlier
            if len(rest) > 4 * BLOCK:
                cut = len(rest)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
    if rest:
        yield rest


def _check_lines(lines: Sequence[bytes], name: str, separator: str, width: int, before: int) -> int:
    """Line by line, quoted fields over several lines included. Counts the records that hold something."""
    held, start, pending = 0, 0, b""
    for number, line in enumerate(lines, before + 1):
        record = pending + b"\n" + line if pending else line
        start = start if pending else number
        if record.count(b'"') % 2:
            pending = record
            continue
        pending = b""
        if not record.strip():
            continue
        held += 1
        found = _QUOTED.sub(b"", record).count(separator.encode()) + 1
        if found != width:
            raise _ragged(name, start, found, width)
    if pending:
        raise DataError(
            f"{name}: line {start}: a quote is opened and never closed", hint=f"sed -n {start}p '{name}' shows the line"
        )
    return held


def _ragged(name: str, line: int, found: int, width: int) -> DataError:
    return DataError(
        f"{name}: line {line} has {found} field{'s' * (found != 1)}, the header has {width}",
        hint=f"sed -n {line}p '{name}' shows the line; a text that holds the separator must be quoted",
    )
