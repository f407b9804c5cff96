import threading
from itertools import islice
from pathlib import Path

import pytest

from toolkit.domain.errors import ConfigError
from toolkit.execution.aws_lambda.log import FunctionLog, read


def write(log: FunctionLog, *texts: str) -> None:
    log.write("1", [("2013-01-01T00:00:00.000000Z", text) for text in texts])


def test_a_cursor_reads_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = FunctionLog(path)
    assert list(read(path)) == []
    write(log, "a", "ä\nb")
    first = list(read(path))
    assert [(line.text, line.source) for line in first] == [("a", "1"), ("ä\nb", "1")]
    write(log, "c")
    assert [line.text for line in read(path, after=first[0].cursor)] == ["ä\nb", "c"]
    assert list(read(path, after=list(read(path))[-1].cursor)) == []
    with pytest.raises(ConfigError):
        list(read(path, after="somewhere"))


def test_a_full_log_is_turned_over_and_cursors_still_hold(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = FunctionLog(path, turn_bytes=2_000)
    following = read(path, follow=True)
    seen = []
    for number in range(100):
        write(log, f"line {number}")
        if number % 5 == 4:
            seen += [line.text for line in islice(following, 5)]
    assert seen == [f"line {number}" for number in range(100)]
    kept = list(read(path))
    assert 10 < len(kept) < 60
    assert kept[-1].text == "line 99"
    assert [line.text for line in read(path, after=kept[-3].cursor)] == ["line 98", "line 99"]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 5_000


def test_following_ends_when_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log, over = FunctionLog(path), threading.Event()
    write(log, "a")
    found: list[str] = []
    reader = threading.Thread(
        target=lambda: found.extend(line.text for line in read(path, follow=True, ended=over.is_set))
    )
    reader.start()
    write(log, "b")
    over.set()
    reader.join(5)
    assert found == ["a", "b"]


def test_torn_lines_and_a_folder_that_is_gone_spoil_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "log.jsonl"
    log = FunctionLog(path)
    write(log, "lost")
    assert not path.parent.exists()
    path.parent.mkdir()
    write(log, "a")
    with path.open("ab") as stream:
        stream.write(b'{"time": "20')
    write(log, "b")
    assert [line.text for line in read(path)] == ["a", "b"]
