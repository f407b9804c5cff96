from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.domain.errors import PlanError
from toolkit.packaging import bytecode
from toolkit.packaging.bytecode import Interpreter, compile_tree, identity, interpreter

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def tree(root: Path) -> Path:
    """A few real modules of the standard library: sets, one-character strings, deep nesting, non-ASCII."""
    (root / "pkg").mkdir(parents=True)
    for name in ("ftplib", "argparse", "fnmatch", "typing", "dataclasses", "ast"):
        source = importlib.util.find_spec(name)
        assert source is not None
        shutil.copyfile(str(source.origin), root / "pkg" / f"{name}.py")
    (root / "app.py").write_text('NAME = "größe"\n\n\ndef handler():\n    raise ValueError(NAME)\n', "utf-8")
    return root


def pycs(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.pyc"))}


def executing() -> Interpreter:
    found = interpreter(HERE)
    assert found is not None
    return found


@pytest.mark.slow
def test_same_bytes_from_any_folder_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tree(tmp_path / "a")
    assert compile_tree(first, executing()) == []
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    before = os.umask(0o077)
    try:
        second = tree(tmp_path / "quite" / "another" / "folder")
        assert compile_tree(second, executing()) == []
    finally:
        os.umask(before)
    assert pycs(first) == pycs(second)
    assert len(pycs(first)) == 7
    assert f"pkg/__pycache__/ast.{sys.implementation.cache_tag}.pyc" in pycs(first)
    assert not [name for name, data in pycs(first).items() if str(tmp_path).encode() in data]


@pytest.mark.slow
def test_is_used_whatever_the_dates_say(tmp_path: Path) -> None:
    root = tree(tmp_path / "a")
    compile_tree(root, executing())
    os.utime(root / "app.py", (1, 1))
    (root / "app.py").write_text("NAME = 'changed after compiling'\n", "utf-8")
    script = (
        f"import sys; sys.path.insert(0, {str(root)!r}); import app; print(app.NAME, app.handler.__code__.co_filename)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-X", "utf8", "-c", script], capture_output=True, check=True)
    name, where = done.stdout.decode().split()
    assert (name, where) == ("größe", str(root / "app.py"))


@pytest.mark.slow
def test_names_what_does_not_compile(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("print 1\n")
    (tmp_path / "nul.py").write_bytes(b"x = 1\0\n")
    (tmp_path / "escape.py").write_text('x = "\\d"\n')
    assert compile_tree(tmp_path, executing()) == ["nul.py", "old.py"]
    assert list(pycs(tmp_path)) == [f"__pycache__/escape.{sys.implementation.cache_tag}.pyc"]


def test_an_interpreter_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    with pytest.raises(PlanError, match="could not compile 1 files"):
        compile_tree(tmp_path, Interpreter("/bin/false", "3.9.9", "cpython-39"))


def test_finds_the_executing_one_and_admits_that_others_are_missing() -> None:
    assert executing().path == sys.executable
    assert executing().version.startswith(f"{HERE}.")
    assert interpreter("3.99") is None
    assert identity(None) is None
    assert identity(executing()) != identity(Interpreter(sys.executable, "3.11.0", "cpython-311"))


def test_finds_one_where_pyenv_keeps_it_and_does_not_believe_a_broken_shim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "#!/bin/sh\nexit 127\n"
    answer = '#!/bin/sh\necho "3 98 4 cpython-398 /opt/a b/python3"\n'
    for path, text in ((tmp_path / "shims/python3.98", script), (tmp_path / "versions/3.98.4/bin/python3", answer)):
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:{os.environ['PATH']}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    bytecode.interpreter.cache_clear()
    assert interpreter("3.98") == Interpreter("/opt/a b/python3", "3.98.4", "cpython-398")
    bytecode.interpreter.cache_clear()
