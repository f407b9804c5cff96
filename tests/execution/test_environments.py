"""What a job sees, and the environments made for locked requirements (from a local wheel: no network)."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from toolkit.domain.errors import ConfigError, Interrupted, MissingExtra
from toolkit.execution import environments
from toolkit.execution.output import Output, Reader


def wheel(folder: Path, name: str, version: str, source: str) -> Path:
    """A wheel that holds the one module `name`."""
    info = f"{name}-{version}.dist-info"
    content = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, text in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text.encode())}\n")
    content[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"])
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return made


def requirement(made: Path, *, digest: str = "") -> str:
    digest = digest or hashlib.sha256(made.read_bytes()).hexdigest()
    return f"{made.name.split('-')[0]} @ {made.as_uri()} --hash=sha256:{digest}\n"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")


@pytest.fixture
def output(tmp_path: Path) -> Output:
    (tmp_path / "job").mkdir()
    return Output(tmp_path / "job")


def _ask(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, env={}).stdout.strip()


def test_a_job_gets_what_is_declared_and_what_programs_need() -> None:
    caller = {"PATH": "/bin", "HOME": "/home/me", "PYTHONPATH": "/x", "AWS_SECRET_ACCESS_KEY": "s", "UV_INDEX": "u"}
    assert environments.variables({"A": "1", "HOME": "/mine"}, caller) == {
        "PATH": "/bin",
        "HOME": "/mine",
        "A": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    assert environments.for_supervisor(caller) == {"PATH": "/bin", "HOME": "/home/me", "UV_INDEX": "u"}


def test_no_requirements_is_the_interpreter_itself(output: Output) -> None:
    assert environments.python_for(" \n", sys.executable, output=output) == sys.executable


@pytest.mark.slow
def test_own_packages_win_and_the_toolkit_is_seen(tmp_path: Path, output: Output) -> None:
    # msgspec is one of the base's own packages; the job brings another.
    locked = requirement(wheel(tmp_path / "wheels", "msgspec", "99.0", "OWN = True\n"))
    python = environments.python_for(locked, sys.executable, output=output)
    assert _ask(python, "import msgspec; print(msgspec.OWN)") == "True"
    assert _ask(python, "import toolkit, click; print(toolkit.__version__ != '')") == "True"
    assert _ask(python, "from importlib.metadata import version; print(version('msgspec'))") == "99.0"
    assert any("msgspec" in line.text for line in Reader(tmp_path / "job").read(whole=True))

    ready = Path(python).parents[1] / "ready"
    made = ready.stat().st_mtime_ns
    assert environments.python_for(locked, sys.executable, output=output) == python
    assert ready.stat().st_mtime_ns == made


@pytest.mark.slow
def test_two_jobs_at_once_make_one_environment(tmp_path: Path) -> None:
    locked = requirement(wheel(tmp_path / "wheels", "probe_package", "1.0", "VALUE = 1\n"))
    found: list[str] = []

    def ask(number: int) -> None:
        folder = tmp_path / f"job-{number}"
        folder.mkdir()
        found.append(environments.python_for(locked, sys.executable, output=Output(folder)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 3
    installs = [n for n in range(3) if (tmp_path / f"job-{n}" / "output").exists()]
    assert len(installs) == 1


@pytest.mark.slow
def test_one_that_was_left_half_made_is_made_anew(tmp_path: Path, output: Output) -> None:
    locked = requirement(wheel(tmp_path / "wheels", "probe_package", "1.0", "VALUE = 1\n"))
    python = environments.python_for(locked, sys.executable, output=output)
    folder = Path(python).parents[1]
    (folder / "ready").unlink()
    for module in folder.glob("lib/*/site-packages/probe_package.py"):
        module.unlink()
    assert environments.python_for(locked, sys.executable, output=output) == python
    assert _ask(python, "import probe_package; print(probe_package.VALUE)") == "1"


@pytest.mark.slow
@pytest.mark.parametrize("locked", ["no-such-package==1.0\n", "not a requirement !\n", "wrong hash"])
def test_what_cannot_be_installed_says_why(tmp_path: Path, output: Output, locked: str) -> None:
    if locked == "wrong hash":
        locked = requirement(wheel(tmp_path / "wheels", "probe_package", "1.0", ""), digest="0" * 64)
    with pytest.raises(ConfigError, match="requirements could not be installed: uv pip: exit code"):
        environments.python_for(locked, sys.executable, output=output)
    with pytest.raises(ConfigError):  # and nothing half made is taken for done
        environments.python_for(locked, sys.executable, output=output)


def test_waiting_for_another_builder_can_be_stopped(output: Output) -> None:
    asked = iter(["", "by hand"])
    with (
        environments._alone(environments.cache() / "key.lock", str),
        pytest.raises(Interrupted, match="by hand"),
        environments._alone(environments.cache() / "key.lock", lambda: next(asked)),
    ):
        raise AssertionError("two hold the lock")


def test_without_uv_the_extra_is_named(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingExtra) as missing:
        environments.python_for("x==1\n", sys.executable, output=output)
    assert "driftloop[build]" in missing.value.hint


def test_an_interpreter_that_does_not_run_is_named(output: Output) -> None:
    with pytest.raises(ConfigError, match="/no/such/python"):
        environments.python_for("x==1\n", "/no/such/python", output=output)


def test_a_job_submitted_by_a_function_does_not_live_in_its_folders() -> None:
    worker = {"LAMBDA_TASK_ROOT": "/x", "HOME": "/tmp/worker/home", "TMPDIR": "/tmp/worker/tmp", "PATH": "/bin"}
    found = environments.for_supervisor(worker)
    assert found["HOME"] != worker["HOME"]
    assert "TMPDIR" not in found
    assert found["PATH"] == "/bin"
