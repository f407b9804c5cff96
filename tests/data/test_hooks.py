"""The user's `prepare`: called with what it wants, its mistakes told by file and line."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from toolkit.data import hooks
from toolkit.domain.errors import ConfigError, DataError

FRAME = pl.DataFrame({"x": [1, 2, 3], "k": ["a", "b", "a"]})
OTHER = pl.DataFrame({"k": ["a", "b"], "v": [10, 20]})


def prepare(folder: Path, code: str, reference: str = "pipeline:prepare", **options: object) -> pl.DataFrame:
    (folder / "pipeline.py").write_text(code)
    return hooks.prepare(FRAME, reference, folder, **options)  # type: ignore[arg-type]


def test_polars_with_tables(tmp_path: Path) -> None:
    code = "def prepare(frame, weather):\n    return frame.lazy().join(weather.lazy(), on='k').sort('x')\n"
    assert prepare(tmp_path, code, tables={"weather": OTHER})["v"].to_list() == [10, 20, 10]


def test_pandas_in_and_out(tmp_path: Path) -> None:
    code = "import pandas\n\ndef prepare(frame: pandas.DataFrame):\n    return frame.loc[frame.x > 1]\n"
    assert prepare(tmp_path, code, kind="pandas").to_dict(as_series=False) == {"x": [2, 3], "k": ["b", "a"]}


def test_a_module_beside_it_and_an_edit_between_two_calls(tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text("LIMIT = 1\n")
    code = "from rules import LIMIT\n\ndef prepare(frame):\n    import rules\n    return frame.head(rules.LIMIT)\n"
    path, modules = list(sys.path), set(sys.modules)
    assert prepare(tmp_path, code).height == 1
    (tmp_path / "rules.py").write_text("LIMIT = 2\n")
    assert prepare(tmp_path, code).height == 2
    assert sys.path == path
    assert not {"rules", "pipeline"} & (set(sys.modules) - modules)
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_module_of_the_same_name_is_given_back(tmp_path: Path) -> None:
    sys.modules["pipeline"] = marker = type(sys)("pipeline")
    try:
        prepare(tmp_path, "def prepare(frame):\n    return frame\n")
        assert sys.modules["pipeline"] is marker
    finally:
        del sys.modules["pipeline"]


def test_what_it_prints_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, "def prepare(frame):\n    print('rows', len(frame))\n    return frame\n")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "rows 3\n")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def prepare(frame):\n    return frame.select('none')\n", r"failed at pipeline\.py:2: ColumnNotFoundError"),
        ("def prepare(frame):\n    x = 1\n    return helper(frame)\ndef helper(f):\n    raise ValueError('no luck')\n",
         r"pipeline\.py:5: ValueError: no luck"),
        ("def prepare(frame):\n    return 1 +\n", r"pipeline\.py:2: SyntaxError"),
        ("x = 1 / 0\ndef prepare(frame):\n    return frame\n", r"pipeline\.py:1: ZeroDivisionError"),
        ("import not_there_at_all\n", r"pipeline\.py:1: ModuleNotFoundError"),
        ("def prepare(frame):\n    return None\n", "returned NoneType, not a table"),
        ("def prepare():\n    return None\n", "failed at its call: TypeError"),
    ],
)  # fmt: skip
def test_its_mistakes_are_told_where_they_are(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(DataError, match=says) as failed:
        prepare(tmp_path, code)
    assert "Traceback" not in failed.value.message


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("pipeline", 'write "module:function"'),
        ("pipeline:other", "no function 'other'"),
        ("nowhere:prepare", r"holds no nowhere\.py"),
    ],
)
def test_a_reference_that_leads_nowhere(tmp_path: Path, reference: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        prepare(tmp_path, "def prepare(frame):\n    return frame\n", reference)
