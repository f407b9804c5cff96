from __future__ import annotations

import threading
from pathlib import Path

import pytest

from toolkit.domain import times
from toolkit.domain.errors import ConfigError
from toolkit.execution.output import LONGEST, Output, Reader, follow


def _write(folder: Path, data: bytes) -> None:
    with Output(folder).open() as stream:
        stream.write(data)


def test_lines_have_the_time_of_the_note_that_covers_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(["2026-01-01T00:00:00.100000Z", "2026-01-01T00:00:00.200000Z"])
    monkeypatch.setattr(times, "now", lambda: next(moments))
    output = Output(tmp_path)
    with output.open() as stream:
        stream.write(b"one\ntwo\n")
        output.note()
        output.note()  # nothing new: no second note
        stream.write(b"three\n")
        output.note()
    lines = list(Reader(tmp_path, source="job").read(whole=True))
    assert [(line.text, line.time[-8:], line.source) for line in lines] == [
        ("one", ".100000Z", "job"),
        ("two", ".100000Z", "job"),
        ("three", ".200000Z", "job"),
    ]


def test_lines_past_the_last_note_have_the_files_time_and_stay_in_order(tmp_path: Path) -> None:
    output = Output(tmp_path)
    _write(tmp_path, b"one\n")
    output.note()
    _write(tmp_path, b"two\nthree")
    one, two, three = Reader(tmp_path).read(whole=True)
    assert one.time <= two.time <= three.time
    assert three.text == "three"


def test_a_torn_note_is_passed_over(tmp_path: Path) -> None:
    _write(tmp_path, b"one\n")
    Output(tmp_path).note()
    with (tmp_path / "times").open("ab") as stream:
        stream.write(b"12 2026-01-0")
    assert [line.text for line in Reader(tmp_path).read(whole=True)] == ["one"]


def test_an_unfinished_line_waits_for_its_end(tmp_path: Path) -> None:
    reader, output = Reader(tmp_path), Output(tmp_path)
    assert list(reader.read(whole=False)) == []
    _write(tmp_path, b"one\ntw")
    output.note()
    assert [line.text for line in reader.read(whole=False)] == ["one"]
    _write(tmp_path, b"o\n")
    output.note()
    assert [line.text for line in reader.read(whole=False)] == ["two"]


def test_a_line_has_the_same_time_whenever_it_is_read(tmp_path: Path) -> None:
    """So it waits for the note of it, while somebody writes."""
    reader, output = Reader(tmp_path), Output(tmp_path)
    _write(tmp_path, b"one\n")
    assert list(reader.read(whole=False)) == []
    output.note()
    _write(tmp_path, b"two\n")
    early = list(reader.read(whole=False))
    assert [line.text for line in early] == ["one"]
    output.note()
    early += reader.read(whole=False)
    assert early == list(Reader(tmp_path).read(whole=True))


def test_a_cursor_goes_on_exactly_there(tmp_path: Path) -> None:
    _write(tmp_path, b"one\r\n\n\xff\xfe\nlast")
    lines = list(Reader(tmp_path).read(whole=True))
    assert [line.text for line in lines] == ["one", "", "\ufffd\ufffd", "last"]
    for index, line in enumerate(lines):
        assert list(Reader(tmp_path, after=line.cursor).read(whole=True)) == lines[index + 1 :]


def test_a_line_without_end_comes_in_parts(tmp_path: Path) -> None:
    _write(tmp_path, b"x" * (2 * LONGEST + 5))
    assert [len(line.text) for line in Reader(tmp_path).read(whole=True)] == [LONGEST, LONGEST, 5]


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "²"])
def test_a_strange_cursor_is_refused(tmp_path: Path, cursor: str) -> None:
    with pytest.raises(ConfigError):
        Reader(tmp_path, after=cursor)


def test_following_misses_nothing_printed_before_the_end(tmp_path: Path) -> None:
    over = threading.Event()

    def write() -> None:
        for number in range(50):
            _write(tmp_path, f"line {number}\n".encode())
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert [line.text for line in follow(Reader(tmp_path), over.is_set)] == [f"line {n}" for n in range(50)]
    writer.join()


def test_the_last_line_is_the_last_commands(tmp_path: Path) -> None:
    output = Output(tmp_path)
    assert output.last_line() == ""
    with output.open() as stream:
        stream.write(b"of the first\n")
    with output.open() as stream:
        assert output.last_line() == ""
        stream.write(b"ValueError: no label\n \n")
    assert output.last_line() == "ValueError: no label"
    assert output.last_line(limit=5) == "Value"
