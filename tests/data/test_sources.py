"""Any file that a person has: read right, or refused with the file, the line and what to type."""

from __future__ import annotations

import datetime as dt
import gzip
import re
from pathlib import Path

import polars as pl
import pytest

from toolkit.adapters.memory.store import MemoryStore, open_store
from toolkit.data import sources
from toolkit.data.sources import Table
from toolkit.domain.errors import ConfigError, DataError, ToolkitError


def table(folder: Path, text: str | bytes, name: str = "a.csv") -> Table:
    data = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(data)
    return sources.read(name, folder)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_line_ends_and_byte_order_marks(tmp_path: Path, separator: str, ending: str, mark: str) -> None:
    rows = [["x", "née"], ["1", "a b"], ["2", ""], ["", "ü"]]
    text = mark + ending.join(separator.join(row) for row in rows) + ending
    frame = table(tmp_path, text).frame
    assert frame.to_dict(as_series=False) == {"x": [1, 2, None], "née": ["a b", None, "ü"]}


def test_quotes_lines_inside_fields_and_blank_lines(tmp_path: Path) -> None:
    text = 'name,n\n"Lyon, ""FR""",1\n\n"two\nlines",2\n,\n"",3\n'
    frame = table(tmp_path, text).frame
    assert frame.to_dict(as_series=False) == {"name": ['Lyon, "FR"', "two\nlines", None], "n": [1, 2, 3]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", " 2", "NA"], [1, 2, None]),
        (["1", "?", "2.5"], [1.0, None, 2.5]),
        (["1e3", "-.5", "null"], [1000.0, -0.5, None]),
        (["true", "FALSE", "N/A"], [True, False, None]),
        (["007", "123", "9"], ["007", "123", "9"]),
        (["12345678901234567890", "1", "2"], ["12345678901234567890", "1", "2"]),
        (["NA", "north", ""], ["NA", "north", None]),
        (["1,234,567", "12", "1,000"], [1234567.0, 12.0, 1000.0]),
        (["1,5", "2,25", "3"], ["1,5", "2,25", "3"]),
        (["2013-01-31", "", "2014-02-01"], [dt.date(2013, 1, 31), None, dt.date(2014, 2, 1)]),
        (["31/12/2013", "01/02/2014", "NA"], [dt.date(2013, 12, 31), dt.date(2014, 2, 1), None]),
        (["12/31/2013", "01/02/2014", "NA"], [dt.date(2013, 12, 31), dt.date(2014, 1, 2), None]),
        (["01/02/2013", "03/04/2014", "05/06/2015"], ["01/02/2013", "03/04/2014", "05/06/2015"]),
        (["Jan 5 2000", "Dec 31 1999", ""], [dt.date(2000, 1, 5), dt.date(1999, 12, 31), None]),
        (["2013-01-01 10:00", "2013-01-01 23:59"], [dt.datetime(2013, 1, 1, 10), dt.datetime(2013, 1, 1, 23, 59)]),
        (["1/2/13", "3/4/14", "13/1/15"], ["1/2/13", "3/4/14", "13/1/15"]),
    ],
)  # fmt: skip
def test_a_column_is_what_all_its_values_are(tmp_path: Path, values: list[str], expected: list[object]) -> None:
    text = "x;k\n" + "".join(f"{value};1\n" for value in values)
    assert table(tmp_path, text).frame["x"].to_list() == expected


def test_a_time_zone_is_kept(tmp_path: Path) -> None:
    frame = table(tmp_path, "t,k\n2013-01-01T10:00:00Z,1\n2013-01-01T12:00:00.5+02:00,2\n").frame
    assert frame.schema["t"] == pl.Datetime("us", "UTC")
    assert frame["t"][1] == dt.datetime(2013, 1, 1, 10, 0, 0, 500_000, dt.UTC)


def test_the_last_row_counts_as_much_as_the_first(tmp_path: Path) -> None:
    """What the first rows suggest is verified on all of them."""
    numbers = "".join(f"{i},{i}\n" for i in range(20_000))
    found = table(tmp_path, f"x,y\n{numbers}2.5,many\n")
    assert found.frame.schema == {"x": pl.Float64, "y": pl.String}
    assert found.frame["y"].tail(2).to_list() == ["19999", "many"]


def test_what_is_nearly_a_number_is_said(tmp_path: Path) -> None:
    rows = "".join(f"{i},'{i}','{i},5'\n".replace("'", '"') for i in range(9)) + 'abc,"1","3"\n'
    found = table(tmp_path, f"mixed,fine,comma\n{rows}")
    said = {finding.column: finding for finding in found.findings}
    assert said["mixed"].kind == "mixed"
    assert "'abc'" in said["mixed"].text
    assert said["comma"].kind == "decimal-comma"
    assert "fine" not in said


def test_names_are_made_whole(tmp_path: Path) -> None:
    found = table(tmp_path, ",x,x, two  words ,*,^x$\n1,2,3,4,5,6\n")
    assert found.frame.columns == ["column_1", "x", "x_2", "two words", "column *", "column ^x$"]
    assert [finding.column for finding in found.findings] == ["column_1", "x_2", "column *", "column ^x$"]


def test_names_are_made_whole_in_parquet_too(tmp_path: Path) -> None:
    pl.DataFrame({"": [1], " a\nb ": [2]}).write_parquet(tmp_path / "a.parquet")
    found = sources.read("a.parquet", tmp_path)
    assert found.frame.columns == ["column_1", "a b"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "a.csv is empty"),
        (b"\n\n", "a.csv is empty"),
        (b"x,y\n", "header and no rows"),
        (b"x,y\n\n\n", "header and no rows"),
        (b"1,2\n3,4\n", "line 1 is '1,2'.*no header"),
        (b"x,y\n1,2\n1,2,3\n", "line 3 has 3 fields, the header has 2"),
        (b"x,y\n1,2\n\n7\n", "line 4 has 1 field, the header has 2"),
        (b'x,y\n"a\nb",2\n"c",2,3\n', "line 4 has 3 fields"),
        (b'x,y\n1,2\n3,"4\n5,6\n', "line 3: a quote is opened and never closed"),
        ("x,y\nné,2\n".encode("latin-1"), "byte 5 is not UTF-8; the file is probably WINDOWS-1252"),
        ("x,y\n1,2\n".encode("utf-16"), "probably UTF-16LE"),
        ("x,y\n1,2\n".encode("utf-16-be"), "probably UTF-16BE"),
        (b"PK\x03\x04abc", "zip archive"),
        (b"x,y\n1,\x002\n", "binary file"),
        (b"x,y\r1,2\r", "carriage return"),
    ],
)
def test_what_cannot_be_read_says_where(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says) as refused:
        table(tmp_path, data)
    assert "a.csv" in refused.value.message


def test_a_bad_byte_deep_inside_is_found_at_its_offset(tmp_path: Path) -> None:
    data = b"x,y\n" + b"1,2\n" * 3_000_000 + b"1,\xff\n"
    with pytest.raises(DataError, match=re.escape(f"byte {len(data) - 2:,} is not UTF-8")) as refused:
        table(tmp_path, data)
    assert refused.value.hint.startswith("iconv -f WINDOWS-1252 -t UTF-8 'a.csv'")


def test_several_files_are_one_table_and_one_decision(tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "b.csv").write_text("x,y\n1,a\n")
    (tmp_path / "data" / "c.csv").write_text("y,x\nb,2.5\n")
    (tmp_path / "data" / ".hidden.csv").write_text("nothing")
    (tmp_path / "data" / "README.md").write_text("nothing")
    expected = {"x": [1.0, 2.5], "y": ["a", "b"]}
    for source in (
        "data",
        "data/*.csv",
        ["data/b.csv", "data/c.csv"],
        f"file://{tmp_path}/data",
        str(tmp_path / "data/?.csv"),
    ):
        assert sources.read(source, tmp_path).frame.to_dict(as_series=False) == expected, source
    (tmp_path / "data" / "d.csv").write_text("x,z\n1,a\n")
    with pytest.raises(DataError, match=r"d\.csv lacks 'y', unlike data/b\.csv"):
        sources.read("data", tmp_path)


def test_every_kind_of_file_gives_the_same_table(tmp_path: Path) -> None:
    text = "n,word,day\n1,a,2013-01-01\n2,b,2013-01-02\n"
    expected = table(tmp_path, text).frame
    expected.write_parquet(tmp_path / "a.parquet")
    expected.write_ndjson(tmp_path / "a.jsonl")
    (tmp_path / "a.json").write_text(expected.write_json())
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.parquet", "a.jsonl", "a.json", "b.csv.gz"):
        assert sources.read(name, tmp_path).frame.equals(expected), name
    both = sources.read(["a.csv", "a.parquet"], tmp_path)
    assert both.frame.height == 4
    assert both.files == ("a.csv", "a.parquet")


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.jsonl", b'{"x": 1}\n{"x": \n', "line 2 is not JSON"),
        ("a.jsonl", b'{"x": 1}\n[1]\n', "line 2 is not a JSON object"),
        ("a.parquet", b"PAR1 no", "a.parquet cannot be read as parquet"),
        ("a.json", b'[{"x": 1},', "a.json cannot be read as json"),
        ("a.csv.gz", b"\x1f\x8bno", "not a whole gzip file"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        table(tmp_path, data, name)


@pytest.mark.parametrize(
    ("source", "says", "hint"),
    [
        ("none.csv", "no such file", "holds a.csv"),
        ("*.parquet", "no data file matches", "holds a.csv"),
        ("empty", "holds no data file", "data.source"),
        ("book.xlsx", "ending '.xlsx'", "CSV"),
        ("s3://other/x.csv", "only the target's own store", "store:KEY"),
        ("store:x.csv", "no object store:x.csv", "the store"),
        ([], "names no file", "data.source"),
    ],
)
def test_a_source_that_names_nothing(tmp_path: Path, source: str | list[str], says: str, hint: str) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "book.xlsx").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=says) as refused:
        sources.read(source, tmp_path, store=open_store({"name": str(tmp_path)}))
    assert hint in refused.value.hint


class _Bucket(MemoryStore):
    """A memory store with the name that a bucket would have."""

    def uri(self, key: str = "") -> str:
        return f"s3://bucket/state/{key}".rstrip("/")


def test_objects_of_the_store(tmp_path: Path) -> None:
    store = _Bucket(str(tmp_path))
    store.put("raw/2013-01.csv", b"x,y\n1,a\n")
    store.put("raw/2013-02.csv", b"x,y\n2,b\n")
    for source in (
        "store:raw/*.csv",
        "s3://bucket/state/raw/2013-0?.csv",
        ["store:raw/2013-01.csv", "store:raw/2013-02.csv"],
    ):
        found = sources.read(source, tmp_path, store=lambda: store)
        assert found.frame["x"].to_list() == [1, 2]
        assert found.files == ("store:raw/2013-01.csv", "store:raw/2013-02.csv")
    with pytest.raises(ConfigError, match=r"only the target's own store \(s3://bucket/state\) is read"):
        sources.read("s3://bucket/other/x.csv", tmp_path, store=store)
    with pytest.raises(ToolkitError, match="no store is open"):
        sources.read("store:raw/x.csv", tmp_path)


def test_columns_that_are_to_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("code,n\n10,1\n20,2\n")
    assert sources.read("a.csv", tmp_path, keep_text=["code"]).frame["code"].to_list() == ["10", "20"]
