import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from toolkit.domain.errors import ConfigError
from toolkit.execution.aws_lambda import runtimes


def test_the_copy_holds_the_client_and_nothing_else(tmp_path: Path) -> None:
    runtime = runtimes.choose(tmp_path, tmp_path / "runtime")
    if sys.platform == "linux":
        assert runtime.client == "awslambdaric"
        assert {path.name.partition(".")[0] for path in runtime.folder.iterdir()} - {"__pycache__"} == {
            "awslambdaric",
            "runtime_client",
            "simplejson",
            "snapshot_restore_py",
        }
        for source in runtime.folder.rglob("*.py"):
            unchecked = Path(cache_from_source(str(source))).read_bytes()[4:8]
            assert unchecked == b"\1\0\0\0", f"every start would compile {source}"
    assert runtimes.choose(tmp_path, tmp_path / "runtime") == runtime


def test_the_interpreter_is_the_one_behind_the_environment() -> None:
    found = runtimes.interpreter()
    assert Path(found.executable).resolve() == Path(sys.executable).resolve()
    assert found.version == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert not Path(found.executable).parent.parent.joinpath("pyvenv.cfg").exists()


def test_without_the_real_client_our_own_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_PARTS", ("there-is-no-such-client",))
    assert runtimes.choose(tmp_path, tmp_path / "runtime").client.endswith("runtime_client.py")
    with pytest.raises(ConfigError, match="awslambdaric is not installed"):
        runtimes.choose(tmp_path, tmp_path / "runtime", choice="awslambdaric")


def test_a_client_in_the_bundle_is_taken_from_there(tmp_path: Path) -> None:
    (tmp_path / "awslambdaric").mkdir()
    (tmp_path / "awslambdaric" / "__main__.py").touch()
    runtime = runtimes.choose(tmp_path, tmp_path / "runtime")
    assert runtime.client == "awslambdaric"
    assert not (tmp_path / "runtime").exists()


def test_a_python_that_cannot_be_run(tmp_path: Path) -> None:
    for python in (tmp_path / "nowhere", Path("/bin/false")):
        with pytest.raises(ConfigError, match="cannot be run"):
            runtimes.choose(tmp_path, tmp_path / "runtime", str(python))
