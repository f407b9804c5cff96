from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

import toolkit
from toolkit.domain.errors import NotFound
from toolkit.packaging import shipped, uv

ROOT = Path(toolkit.__file__).parents[1]


def _install(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    package.mkdir(parents=True)
    monkeypatch.setattr(toolkit, "__file__", str(package / "__init__.py"))


def test_in_a_checkout() -> None:
    assert (shipped.folder("functions") / "drift_check" / "app.py").is_file()
    assert shipped.folder("examples") == ROOT / "examples"


def test_in_an_installed_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "toolkit"
    _install(monkeypatch, package)
    (package / "_shipped" / "functions").mkdir(parents=True)
    (tmp_path / "site-packages" / "functions").mkdir()
    assert shipped.folder("functions") == package / "_shipped" / "functions"


def test_a_stray_folder_beside_site_packages_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, tmp_path / "toolkit")
    (tmp_path / "examples").mkdir()
    with pytest.raises(NotFound, match="examples/ is not part of this installation"):
        shipped.folder("examples")


@pytest.mark.slow
def test_the_wheel_brings_both(tmp_path: Path) -> None:
    command = [uv.find(), "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("driftloop-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    for top in ("functions", "examples"):
        here = {path.relative_to(ROOT).as_posix() for path in (ROOT / top).rglob("*.py")}
        assert {f"toolkit/_shipped/{name}" for name in here} <= set(names)
    assert "toolkit/_shipped/functions/drift_check/app.py" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("functions/", "tests/"))]
