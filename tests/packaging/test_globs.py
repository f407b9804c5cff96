from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.packaging.globs import Globs


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        (["**/*.py"], ["a.py", "lib/b.py", "lib/deep/c.py"]),
        (["*.py"], ["a.py"]),
        (["lib/*.py"], ["lib/b.py"]),
        (["lib/"], ["lib/b.py", "lib/deep/c.py", "lib/t.sql"]),
        (["**/*.py", "!lib/deep/"], ["a.py", "lib/b.py"]),
        (["**/*.py", "!**/*.py", "lib/b.py"], ["lib/b.py"]),
        (["./?.py"], ["a.py"]),
        (["lib/**"], ["lib/b.py", "lib/deep/c.py", "lib/t.sql"]),
    ],
)
def test_globs(patterns: list[str], taken: list[str]) -> None:
    names = ["a.py", "lib/b.py", "lib/deep/c.py", "lib/t.sql", "x+y.txt"]
    assert [name for name in names if Globs(patterns).match(name)] == taken


@given(st.text("ab.*+[]()\\/", max_size=12))
def test_any_text_is_a_glob(pattern: str) -> None:
    Globs([pattern]).match("a/b")
