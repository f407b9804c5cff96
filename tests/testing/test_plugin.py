"""The plugin as people meet it: in a pytest of its own, with their project, and light where nobody asks for a cloud."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

CASE = """
    import subprocess, sys
    import pytest

    TOOLKIT = [sys.executable, "-m", "toolkit"]

    def secrets(aws, folder):
        (folder / "toolkit.toml").write_text('name = "mine"\\n' + aws.target("test", project="mine"))
        return subprocess.run([*TOOLKIT, "secrets", "ls", "-t", "test"], cwd=folder, env=aws.environment,
                              capture_output=True, text=True)

    def test_a_project_of_my_own(cloud, tmp_path):
        aws = cloud("aws")
        assert aws.address.startswith("http://127.0.0.1:")
        done = secrets(aws, tmp_path)
        assert done.returncode == 0, done.stderr
        doctor = subprocess.run([*TOOLKIT, "doctor", "-t", "test"], cwd=tmp_path, env=aws.environment,
                                capture_output=True, text=True)
        assert "store works" in doctor.stdout

    def test_a_busy_cloud(cloud, tmp_path):
        aws = cloud("aws", faults=lambda number, method, target: None)
        settings = aws.settings("test", project="mine")
        from toolkit.adapters.aws.store import open_store
        from toolkit.domain.errors import Throttled
        from toolkit.testing.faultproxy import Refused
        aws.target("test", project="mine")
        store = open_store(settings)
        store.put("a", b"1")
        aws.proxy.begin(lambda number, method, target: Refused(503, "SlowDown"))
        with pytest.raises(Throttled):
            store.put("b", b"2")
        assert aws.proxy.seen

    def test_another_cloud(cloud, tmp_path):
        gcp = cloud("gcp", faults=["unavailable"])
        done = secrets(gcp, tmp_path)
        assert done.returncode == 0, done.stderr
        assert any("secretmanager.googleapis.com" in line for line in gcp.proxy.seen)

    def test_what_there_is_not(cloud):
        with pytest.raises(pytest.UsageError, match="no emulator"):
            cloud("aws", "nothing")
        with pytest.raises(pytest.UsageError, match="no fault"):
            cloud("aws", faults=["rain"])
"""


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=170)


@pytest.mark.slow
def test_people_test_their_projects_with_it(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(textwrap.dedent(CASE))
    done = run(tmp_path, *_loaded())
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_it_is_light(tmp_path: Path) -> None:
    """Every pytest of everybody who has the package installed loads it."""
    code = "import sys, toolkit.testing.plugin; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    heavy = {"boto3", "botocore", "moto", "numpy", "polars", "pydantic", "msgspec", "http", "click"}
    bare = "import sys, pytest; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    already = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert not heavy & (set(done.stdout.split()) - set(already.stdout.split()))


def _loaded() -> list[str]:
    """By its entry point where the package was installed with it, else by name."""
    from importlib.metadata import entry_points

    found = [entry for entry in entry_points(group="pytest11") if entry.value == "toolkit.testing.plugin"]
    return [] if found else ["-p", "toolkit.testing.plugin"]
