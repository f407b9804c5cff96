from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.domain.errors import ConfigError
from toolkit.packaging import uv
from toolkit.packaging.lock import lock

pytestmark = pytest.mark.slow


@pytest.fixture
def wanted(tmp_path: Path, index: Callable[..., Path]) -> Path:
    index("alpha", "1.0", {"alpha.py": b""})
    index("alpha", "1.1", {"alpha.py": b""}, needs=("beta>=2",))
    index("beta", "2.5", {"beta.py": b""})
    path = tmp_path / "project" / "requirements.txt"
    path.parent.mkdir()
    path.write_text("alpha>=1\n")
    return path


def pins(text: str) -> list[str]:
    return re.findall(r"^\S+==\S+", text, re.M)


def test_pins_everything_with_hashes(wanted: Path) -> None:
    text = lock(wanted, "3.11")
    assert pins(text) == ["alpha==1.1", "beta==2.5"]
    assert text.count("--hash=sha256:") == 2
    assert "--hash" not in lock(wanted, "3.11", hashes=False)
    assert str(wanted.parent) not in text


def test_from_a_project_file(wanted: Path) -> None:
    project = wanted.with_name("pyproject.toml")
    project.write_text('[project]\nname = "mine"\nversion = "1"\ndependencies = ["alpha<1.1"]\n')
    assert pins(lock(project, "3.11")) == ["alpha==1.0"]


def test_kept_until_the_content_changes_or_a_refresh(
    wanted: Path, index: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lock(wanted, "3.11")
    index("alpha", "1.2", {"alpha.py": b""})
    with monkeypatch.context() as patch:
        patch.setattr(uv, "run", None)  # a kept lock starts nothing
        assert lock(wanted, "3.11") == first
    assert pins(lock(wanted, "3.11", refresh=True)) == ["alpha==1.2"]
    assert pins(lock(wanted, "3.12")) == ["alpha==1.2"]


def test_nested_files_are_part_of_the_content(wanted: Path) -> None:
    base = wanted.with_name("base.txt")
    base.write_text("beta\n")
    wanted.write_text("-r base.txt\n")
    assert pins(lock(wanted, "3.11")) == ["beta==2.5"]
    base.write_text("alpha==1.0\n")
    assert pins(lock(wanted, "3.11")) == ["alpha==1.0"]


def test_for_another_platform(wanted: Path, index: Callable[..., Path]) -> None:
    index("gamma", "1.0", {"gamma.py": b""}, tag="py3-none-manylinux_2_28_aarch64")
    wanted.write_text("gamma\n")
    assert pins(lock(wanted, "3.13", "aarch64-manylinux_2_28")) == ["gamma==1.0"]
    with pytest.raises(ConfigError, match="gamma"):
        lock(wanted, "3.13", "x86_64-manylinux_2_28")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("requirements.txt", "alpha>=9\n", "cannot lock .*requirements.txt: No solution found.*alpha>=9"),
        ("requirements.txt", "alpha==\n", "cannot lock .*requirements.txt"),
        ("requirements.txt", "-r missing.txt\n", "missing.txt cannot be read: No such file"),
        ("requirements.txt", "./mine\n", "depends on a folder of this machine"),
        ("requirements.txt", "-e ./mine\n", "depends on a folder of this machine"),
        ("pyproject.toml", "[project\n", "is not valid TOML"),
        ("pyproject.toml", "[tool.x]\n", r"has no \[project\] table"),
    ],
)
def test_refusals_say_why(wanted: Path, name: str, text: str, message: str) -> None:
    mine = wanted.parent / "mine"
    mine.mkdir()
    (mine / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\ndependencies = []\n')
    path = wanted.with_name(name)
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        lock(path, "3.11")


def test_a_missing_or_unreadable_file(wanted: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.txt cannot be read: No such file"):
        lock(wanted.with_name("gone.txt"), "3.11")
    wanted.write_bytes(b"alpha\n# caf\xe9\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        lock(wanted, "3.11")
