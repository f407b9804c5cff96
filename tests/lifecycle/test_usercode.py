"""The user's modules: found in their package, forgotten afterwards, their errors in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from toolkit.domain.errors import ConfigError
from toolkit.lifecycle import usercode
from toolkit.packaging import code


def package(folder: Path, **files: str) -> bytes:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(text)
    return code.package(folder).data


def test_two_packages_with_one_name_do_not_mix(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        data = package(folder, work=f"from part.shape import N\ndef go(x): return N + x + {number * 10}",
                       part__shape=f"N = {number}")  # fmt: skip
        with usercode.unpacked(data, tmp_path / f"unpacked{number}") as user:
            assert user.call("work:go", 100) == 100 + number * 11
        assert not {"work", "part", "part.shape"} & sys.modules.keys()


def test_the_line_is_of_the_users_own_file(tmp_path: Path) -> None:
    data = package(tmp_path, work="import json\n\ndef go(x):\n    return json.loads(x)\n")
    with usercode.unpacked(data, tmp_path / "u") as user, pytest.raises(usercode.Failed) as failed:
        user.call("work:go", "{")
    assert str(failed.value).startswith("JSONDecodeError: Expecting property name")
    assert str(failed.value).endswith("(work.py:4)")
    assert "return json.loads(x)" in failed.value.traceback
    assert "usercode.py" not in failed.value.traceback


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("work", "is not 'module:function'"),
        ("play:go", "has no module 'play'"),
        ("work:run", "has no function 'run'"),
        ("work:N", "has no function 'N'"),
    ],
)
def test_an_entry_that_is_not_there(entry: str, says: str, tmp_path: Path) -> None:
    data = package(tmp_path, work="N = 1\ndef go(): pass\n")
    with usercode.unpacked(data, tmp_path / "u") as user, pytest.raises(ConfigError, match=says):
        user.call(entry)
