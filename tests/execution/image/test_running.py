"""Processes of an unpacked image: as its user, in its root, with its variables, and gone at the end."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path

import msgspec
import pytest

from tests.packaging.oci import bases
from toolkit.domain.errors import ConfigError, Unavailable
from toolkit.domain.oci import Image, Process, RootFs
from toolkit.execution.image.running import command, serving
from toolkit.execution.image.unpack import unpack
from toolkit.execution.output import Output
from toolkit.execution.process import run
from toolkit.execution.tree import Tree
from toolkit.packaging.oci import layout

pytestmark = pytest.mark.slow
TELL = """
import json, os, sys
print(json.dumps({"uid": os.getuid(), "gid": os.getgid(), "root": sorted(os.listdir("/")), "cwd": os.getcwd(),
                  "env": dict(os.environ), "groups": os.getgroups(), "proc": os.path.exists("/proc/self/stat")}))
"""
SERVER = """
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("child", flush=True)
http.server.HTTPServer((os.environ["TOOLKIT_BIND"], int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""  # noqa: E501


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Image]:
    """The root of this machine's own Python, and its configuration."""
    folder = tmp_path_factory.mktemp("image")
    layout.write(bases.running(folder / "base"), folder / "layout", "")
    image = unpack(folder / "layout", folder / "root", "amd64")
    return folder / "root", image


def starting(image: Image, *argv: str, user: str = "65532:65532", folder: str = "/tmp") -> Image:
    process = Process(user=user, env=image.config.env, entrypoint=list(argv), working_dir=folder)
    return msgspec.structs.replace(image, config=process)


def told(root: Path, image: Image, **environment: str) -> dict[str, object]:
    made = command(root, image, (), environment)
    done = subprocess.run(made.argv, env=made.env, cwd=made.cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("user", "ids"), [("65532:65532", (65532, 65532)), ("nobody", (65534, 65534)), ("7", (7, 0))])
def test_a_process_sees_the_image(user: str, ids: tuple[int, int], unpacked: tuple[Path, Image]) -> None:
    root, image = unpacked
    found = told(root, starting(image, "python3", "-c", TELL, user=user), EXTRA="1")
    assert (found["uid"], found["gid"]) == ids
    assert found["cwd"] == "/tmp"
    assert not found["groups"] or os.geteuid() != 0
    assert set(found["root"]) <= {"bin", "dev", "etc", "lib", "lib64", "proc", "root", "sys", "tmp", "usr", "opt", "home"}  # type: ignore[call-overload]  # fmt: skip  # noqa: E501
    environment = found["env"]
    assert isinstance(environment, dict)
    assert environment["EXTRA"] == "1"
    assert environment["PATH"] == bases.PATH
    assert "HOME" not in environment  # nothing of ours


def test_without_root_a_user_namespace_does(unpacked: tuple[Path, Image]) -> None:
    root, image = unpacked
    if os.geteuid() != 0:  # then every test here has taken this way
        assert told(root, starting(image, "python3", "-c", TELL))["uid"] == 65532
        return
    for above in (root, *list(root.parents)[:3]):  # open to the user that we are about to be
        above.chmod(above.stat().st_mode | 0o011)
    made = command(root, starting(image, "python3", "-c", TELL))
    script = Path("/tmp") / f"enter-{os.getpid()}.py"  # the checkout may be closed to other users
    script.write_bytes(Path(made.argv[3]).read_bytes())
    try:
        python = ["/usr/bin/env", "python3"] if not os.access("/usr/bin/python3", os.X_OK) else ["/usr/bin/python3"]
        argv = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", *python, *made.argv[1:3], str(script)]
        done = subprocess.run([*argv, made.argv[4]], env={}, cwd="/", capture_output=True, text=True, check=False)
    finally:
        script.unlink()
    if done.returncode == 125:
        assert "cannot run an unpacked image here" in done.stderr  # a system that forbids user namespaces
        return
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["uid"] == 65532


def test_a_service_is_stopped_with_all_its_processes(unpacked: tuple[Path, Image], tmp_path: Path) -> None:
    root, image = unpacked
    with serving(root, starting(image, "python3", "-c", SERVER), log=tmp_path / "log") as service:
        with urllib.request.urlopen(service.url + "/") as got:
            assert got.status == 200
        pid = service.pid
        assert len(Tree(pid).scan()) >= 2
    assert not Path(f"/proc/{pid}").exists()
    assert not Tree(pid).scan()
    assert "GET /" in (tmp_path / "log").read_text()


def test_limits_are_those_of_every_process(unpacked: tuple[Path, Image], tmp_path: Path) -> None:
    root, image = unpacked
    slow = command(root, starting(image, "python3", "-c", "import time; time.sleep(60)"), timeout_seconds=0.5)
    (tmp_path / "slow").mkdir()
    assert run(slow, Output(tmp_path / "slow")).state == "timeout"
    hungry = "x = [bytearray(1 << 20) for _ in range(400)]; import time; time.sleep(60)"
    big = command(root, starting(image, "python3", "-c", hungry), memory_bytes=100 << 20)
    (tmp_path / "big").mkdir()
    assert run(big, Output(tmp_path / "big")).state == "out-of-memory"


def test_what_cannot_be_started(unpacked: tuple[Path, Image], tmp_path: Path) -> None:
    root, image = unpacked
    with pytest.raises(ConfigError, match="not on its PATH"):
        command(root, starting(image, "no-such-program"))
    with pytest.raises(ConfigError, match="names no program"):
        command(root, starting(image))
    with pytest.raises(ConfigError, match="does not have"):
        command(root, starting(image, "python3", user="somebody"))
    with (
        pytest.raises(Unavailable, match="cannot start /none"),
        serving(root, starting(image, "/none"), log=tmp_path / "log"),
    ):
        pass
    with (
        pytest.raises(Unavailable, match="exit code 3"),
        serving(root, starting(image, "python3", "-c", "raise SystemExit(3)"), log=tmp_path / "log"),
    ):
        pass


def test_a_passwd_that_leads_out_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "etc").symlink_to("/etc")
    image = Image(architecture="amd64", os="linux", config=Process(user="root", entrypoint=["/x"]), rootfs=RootFs([]))
    with pytest.raises(ConfigError, match="does not have"):
        command(tmp_path, image)
