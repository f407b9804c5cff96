from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.domain.errors import ConfigError
from toolkit.packaging import ours
from toolkit.packaging.ours import needed

PACKAGE = {
    "toolkit/__init__.py": b"def __getattr__(name): from importlib import import_module",
    "toolkit/top.py": b"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toolkit import heavy\n",
    "toolkit/heavy.py": b"import torch",
    "toolkit/a/__init__.py": b'"""a"""',
    "toolkit/a/one.py": b"from toolkit.b.two import NAME\nfrom .three import x\n",
    "toolkit/a/three.py": b"x = 1\ndef f():\n    from ..top import y\n",
    "toolkit/a/page.html": b"<p>",
    "toolkit/a/static/style.css": b"p {}",
    "toolkit/b/__init__.py": b"",
    "toolkit/b/two.py": b"import os, toolkit.c.four\n",
    "toolkit/b/unused.py": b"",
    "toolkit/c/__init__.py": b"",
    "toolkit/c/four.py": b"",
    "toolkit/d/__init__.py": b"",
    "toolkit/d/data.txt": b"",
    "toolkit/adapters/__init__.py": b"",
    "toolkit/adapters/near/__init__.py": b'PORTS = {"store": "toolkit.adapters.near.store:open_store"}',
    "toolkit/adapters/near/store.py": b"from toolkit.d import thing",
    "toolkit/adapters/nearby/__init__.py": b"",
}


def test_follows_imports_and_takes_what_lies_beside() -> None:
    assert needed({"app.py": b"from toolkit.a import one"}, PACKAGE) == [
        "toolkit/__init__.py", "toolkit/a/__init__.py", "toolkit/a/one.py", "toolkit/a/page.html",
        "toolkit/a/static/style.css", "toolkit/a/three.py", "toolkit/b/__init__.py", "toolkit/b/two.py",
        "toolkit/c/__init__.py", "toolkit/c/four.py", "toolkit/top.py",
    ]  # fmt: skip


def test_bound_adapters_are_taken_whole_and_others_not() -> None:
    assert needed({"app.py": b"import toolkit"}, PACKAGE, ["near"]) == [
        "toolkit/__init__.py", "toolkit/adapters/__init__.py", "toolkit/adapters/near/__init__.py",
        "toolkit/adapters/near/store.py", "toolkit/d/__init__.py", "toolkit/d/data.txt",
    ]  # fmt: skip


def test_every_protocol_is_taken() -> None:
    """Their modules are named in a table, and imported by their first request."""
    from toolkit.serving.protocols import routes

    found = needed({"app.py": b"from toolkit.entry import inference"}, ours.read(ours.PACKAGE, "toolkit/"))
    named = {f"toolkit/serving/protocols/{entry.protocol}.py" for entry in routes.TABLE}
    assert {*named, "toolkit/serving/protocols/vertex.py"} <= set(found)


def test_a_function_without_us_gets_nothing() -> None:
    assert needed({"app.py": b"import json"}, PACKAGE) == []


def test_the_real_package_leaves_the_command_line_and_the_builders_behind() -> None:
    package = ours.read(ours.PACKAGE, "toolkit/")
    names = needed({"app.py": b"from toolkit.entry import drift, inference"}, package, ["local"])
    assert "toolkit/adapters/local/store.py" in names
    assert "toolkit/bootstrap/opening.py" in names
    for floor in (
        "cli",
        "testing",
        "packaging",
        "resources",
        "data",
        "models",
        "_shipped",
        "adapters/memory",
    ):
        assert not [name for name in names if name.startswith(f"toolkit/{floor}/")], floor
    judged = {name for name in names if name.startswith("toolkit/engine/")}
    assert judged == {f"toolkit/engine/{module}.py" for module in ("__init__", "rollout", "rollouts")}


def test_what_is_wrong_with_a_function_folder(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no app\.py"):
        ours.layer(tmp_path, [], None)
    (tmp_path / "app.py").write_text("def broken(:\n")
    with pytest.raises(ConfigError, match=r"app\.py line 1 is not valid Python"):
        ours.layer(tmp_path, [], None)
    (tmp_path / "app.py").write_text("KEY = 'AKIAA1B2C3D4E5F6G7H8'\n")
    with pytest.raises(ConfigError, match=r"app\.py line 1: an AWS access key id"):
        ours.layer(tmp_path, [], None)


def test_hidden_files_and_leftovers_stay_behind(tmp_path: Path, own_cache: Path) -> None:
    for name in ("app.py", ".env", "__pycache__/x.pyc", "pages/a.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(ours.layer(tmp_path, [], None)) == ["app.py", "pages/a.html"]


def test_what_starts_a_container_is_in_no_zip(tmp_path: Path, own_cache: Path) -> None:
    """Nor the modules that only it leads to: they import a server that a function does not carry."""
    (tmp_path / "app.py").write_text("from toolkit.domain import names\n")
    (tmp_path / "serve.py").write_text("from toolkit.serving import connection\n")
    zipped, image = ours.layer(tmp_path, [], None), ours.layer(tmp_path, [], None, container=True)
    assert image.keys() - zipped.keys() >= {"serve.py", "toolkit/serving/connection.py"}
    assert "toolkit/domain/names.py" in zipped
