"""The same image under a real container host. Opt-in: `DOCKER_HOST=... pytest -m docker`, see infra/image/README.md."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.packaging.oci import bases
from tests.support import Shell, small_csv
from toolkit.execution.image.running import free_port
from toolkit.packaging.oci import layout

pytestmark = pytest.mark.docker


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_docker_loads_and_runs_it(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "churn.csv").write_text(small_csv())
    shell.ok("init --from churn.csv --label churned --name churn", tmp_path)
    shell.ok("train", tmp_path)
    shell.ok("promote --yes", tmp_path)
    layout.write(bases.running(tmp_path / "blobs"), tmp_path / "base", "")
    shell.ok("image build --base oci:base --output churn.tar", tmp_path)
    assert "churn:1" in docker("load", "-i", str(tmp_path / "churn.tar"))
    port = free_port()
    settings = {"TOOLKIT_AUTH": "public", "TOOLKIT_BIND": "127.0.0.1", "PORT": str(port)}
    variables = [part for name, value in settings.items() for part in ("-e", f"{name}={value}")]
    limits = ["--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp"]
    name = docker("run", "-d", "--network", "host", *limits, *variables, "churn:1", "serve")
    try:
        body = {"records": [{"months": 3, "plan": "free", "spend": 20.5, "city": "Nice"}]}
        assert answer(f"http://127.0.0.1:{port}/predict", body)["version"] == 1
    finally:
        docker("rm", "-f", name)
        docker("rmi", "churn:1")


def answer(url: str, body: object) -> dict[str, object]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    for _ in range(100):
        try:
            found: dict[str, object] = json.loads(urllib.request.urlopen(request, timeout=20).read())
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.1)
        else:
            return found
    raise AssertionError(f"{url} does not answer")
