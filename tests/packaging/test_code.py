from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.domain import digest
from toolkit.domain.errors import ConfigError, Corrupt
from toolkit.packaging.code import package, unpack

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7vVm\n-----END RSA PRIVATE KEY-----\n"


def project(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def flights(tmp_path: Path) -> Path:
    return project(tmp_path / "one", {"train.py": "x = 1\n", "lib/deep/a.py": "y = 2\n", "data.csv": "a,b\n"})


def test_takes_what_matches_and_nothing_hidden(flights: Path) -> None:
    project(
        flights,
        {".venv/lib/b.py": "", ".git/c.py": "", ".toolkit/d.py": "", "lib/__pycache__/e.py": "", ".hidden.py": ""},
    )
    project(flights, {"env/pyvenv.cfg": "", "env/lib/f.py": "", "node_modules/g.py": ""})
    assert package(flights).files == ("lib/deep/a.py", "train.py")


def test_unpacks_to_the_same_files(flights: Path, tmp_path: Path) -> None:
    packed = package(flights, ["**/*"])
    assert packed.digest == digest.of_bytes(packed.data)
    assert unpack(packed.data, tmp_path / "job") == sorted(packed.files)
    for name in packed.files:
        assert (tmp_path / "job" / name).read_bytes() == (flights / name).read_bytes()


def test_digest_is_of_names_and_contents_only(flights: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        other = project(tmp_path / "two", {"lib/deep/a.py": "y = 2\n", "train.py": "x = 1\n"})
    finally:
        os.umask(before)
    (other / "train.py").chmod(0o755)
    os.utime(other / "train.py", (1, 1))
    first = package(flights)
    assert package(other).data == first.data
    assert package(other, ["**/*.py", "*.md"]).digest == first.digest
    (other / "train.py").write_text("x = 2\n")
    assert package(other).digest != first.digest
    (flights / "train.py").rename(flights / "fit.py")
    assert package(flights).digest != first.digest


def test_nothing_to_pack_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing in .* matches include"):
        package(tmp_path)
    with pytest.raises(ConfigError, match="no such project folder"):
        package(tmp_path / "gone")


def test_links_inside_are_followed_once(flights: Path) -> None:
    (flights / "alias.py").symlink_to("train.py")
    (flights / "lib" / "up").symlink_to(flights)
    assert "alias.py" in package(flights).files
    assert "lib/up/lib/up" not in " ".join(package(flights).files)


def test_links_that_lead_out_are_refused_where_they_matter(flights: Path, tmp_path: Path) -> None:
    outside = project(tmp_path / "outside", {"shared.py": "z = 3\n", "big.csv": ""})
    (flights / "shared").symlink_to(outside)
    with pytest.raises(ConfigError, match="shared is a link that leads out of the project") as caught:
        package(flights)
    assert '"!shared/"' in caught.value.hint
    assert package(flights, ["**/*.py", "!shared/"]).files == ("lib/deep/a.py", "train.py")
    (flights / "shared").unlink()
    (flights / "one.py").symlink_to(outside / "shared.py")
    with pytest.raises(ConfigError, match=r"one\.py is a link"):
        package(flights)
    (flights / "one.py").unlink()
    (flights / "rows.csv").symlink_to(outside / "big.csv")
    assert "rows.csv" not in package(flights).files


def test_too_big_names_the_biggest(flights: Path) -> None:
    project(flights, {"huge.csv": "x" * 3000, "lib/large.csv": "x" * 2000})
    with pytest.raises(ConfigError, match=r"the biggest: huge\.csv .*, lib/large\.csv") as caught:
        package(flights, ["**/*"], limit=4000)
    assert '"!huge.csv"' in caught.value.hint


def test_secrets_are_refused_with_file_and_line(flights: Path) -> None:
    project(flights, {"conf.py": f"a = 1\nkey = '''{KEY}'''\n"})
    with pytest.raises(ConfigError, match=r"conf\.py line 2: a private key") as caught:
        package(flights)
    assert '"!conf.py"' in caught.value.hint
    assert "MIIE" not in str(caught.value)
    assert package(flights, ["**/*.py", "!conf.py"]).files == ("lib/deep/a.py", "train.py")


def test_env_files(flights: Path) -> None:
    project(flights, {".env": "TOKEN=1", ".env.example": "TOKEN="})
    assert ".env" not in package(flights, ["**/*.py", "*.csv"]).files
    with pytest.raises(ConfigError, match=r"\.env: a file of secrets"):
        package(flights, ["**/*.py", ".env"])
    project(flights, {"prod.env": "TOKEN=1"})
    with pytest.raises(ConfigError, match=r"prod\.env: a file of secrets"):
        package(flights, ["**/*.py", "*.env", "!.env"])


@pytest.mark.parametrize("name", ["../out.py", "/etc/x", "a/../../b", "a\\b", "C:/x", "./a", "a//b"])
def test_names_that_lead_out_are_refused_before_writing(tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as hostile:
        hostile.writestr("good.py", "x")
        hostile.writestr(name, "x")
    with pytest.raises(Corrupt, match="leads out"):
        unpack(buffer.getvalue(), tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as hostile:
        for number in range(3):
            hostile.writestr(f"zeros{number}", bytes(20 << 20))
    with pytest.raises(Corrupt, match="claims more than"):
        unpack(buffer.getvalue(), tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_links_inside_a_package_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as hostile:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        hostile.writestr(entry, "/etc/passwd")
    with pytest.raises(Corrupt, match="leads out"):
        unpack(buffer.getvalue(), tmp_path)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_packages_are_refused_or_equal(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    source = project(tmp_path_factory.mktemp("p"), {"a.py": "x = 1\n" * 20})
    packed = bytearray(package(source).data)
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    target = tmp_path_factory.mktemp("t")
    try:
        names = unpack(bytes(packed), target)
    except Corrupt:
        return
    for path in target.rglob("*"):
        assert path.is_dir() or path.read_bytes() == b"x = 1\n" * 20
    assert names
