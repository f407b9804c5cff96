"""A file goes up as it was when its digest was taken, and comes down as a whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from toolkit.domain.errors import DataError, NotFound, PermissionDenied, ToolkitError
from toolkit.execution.large_files import Source, arriving

DATA = os.urandom(5000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


def test_a_source_knows_what_it_read(file: Path) -> None:
    source = Source.of(file)
    assert (source.size, source.sha256) == (5000, hashlib.sha256(DATA).hexdigest())
    assert source.read(0, 3000) + source.read(3000, 2000) == DATA


def test_what_is_not_there_or_may_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot read"):
        Source.of(tmp_path / "none")
    with pytest.raises((NotFound, PermissionDenied), match="cannot read"):
        Source.of(tmp_path)


@pytest.mark.parametrize("change", [b"longer" + DATA, DATA[::-1], DATA[:10]], ids=["longer", "as long", "shorter"])
def test_a_file_that_changes_on_its_way_is_not_sent_as_another(file: Path, change: bytes) -> None:
    source = Source.of(file)
    file.write_bytes(change)
    os.utime(file, ns=(source.changed, source.changed + 1))
    with pytest.raises(DataError, match="changed while it was uploaded"):
        source.read(0, 100)


def test_what_arrives_replaces_the_file_in_one_step(file: Path) -> None:
    with arriving(file) as stream:
        stream.write(b"new")
        assert file.read_bytes() == DATA
    assert file.read_bytes() == b"new"
    assert list(file.parent.iterdir()) == [file]


def broken_off(stream: BinaryIO) -> None:
    stream.write(b"half")
    raise ZeroDivisionError


def test_what_breaks_off_leaves_the_file_as_it_was(file: Path) -> None:
    with pytest.raises(ZeroDivisionError), arriving(file) as stream:
        broken_off(stream)
    assert file.read_bytes() == DATA
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="could not write"), arriving(tmp_path / "none" / "file"):
        pass
