"""From a trained model to a container that answers, by the commands, through a real registry and without Docker."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.oci import bases, server
from tests.packaging.oci.server import Server
from tests.support import Shell, small_csv
from toolkit.domain import oci
from toolkit.execution.image.running import command, serving
from toolkit.execution.image.unpack import unpack
from toolkit.packaging.oci import layout, reference, transfer
from toolkit.packaging.oci.registry import Registry

pytestmark = pytest.mark.slow
ROW = {"months": 3, "plan": "free", "spend": 20.5, "city": "Nice"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, module_shell: Shell) -> Path:
    """A project with a champion, and beside it `base`, a layout of this machine's Python."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "churn.csv").write_text(small_csv())
    module_shell.ok("init --from churn.csv --label churned --name churn", folder)
    module_shell.ok("train", folder)
    module_shell.ok("promote --yes", folder)
    with (folder / "toolkit.toml").open("a") as file:
        file.write("\n[serve.batching]\nmax_rows = 64\nmax_queue = 77\n")
    layout.write(bases.running(folder / "blobs"), folder / "base", "")
    return folder


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server.serving(tmp_path_factory.mktemp("registry")) as found:
        yield found


def test_build_push_and_run_it_elsewhere(project: Path, registry: Server, shell: Shell, tmp_path: Path) -> None:
    built = shell.ok("image build --base oci:base --json", project)
    made = built.data
    assert (made["name"], made["python"], [layer["name"] for layer in made["layers"]]) == (
        "churn:1", bases.VERSION, ["dependencies", "toolkit", "model"],
    )  # fmt: skip
    assert "TOOLKIT_AUTH=platform" in built.err  # nobody may call it until somebody says who may
    assert shell.ok("image build --base oci:base --json", project).data["digest"] == made["digest"]
    where = f"{registry.host}/team/churn:1"
    first = shell.ok(f"image push {where} --json", project).data
    assert (first["digest"], first["uploaded"], first["named"]) == (made["digest"], 5, True)
    again = shell.ok(f"image push {where}", project).out
    assert "0 uploaded" in again
    assert made["digest"] in again

    with Registry(registry.host) as client:
        pulled = transfer.pull(reference.parse(f"{where}@{made['digest']}"), client, "amd64")
    layout.write(pulled, tmp_path / "pulled", "")
    image = unpack(tmp_path / "pulled", tmp_path / "root", "amd64")
    public = {"TOOLKIT_AUTH": "public"}
    with serving(tmp_path / "root", image, ["serve"], public, log=tmp_path / "log") as service:
        body = json.dumps({"records": [ROW]}).encode()
        asked = urllib.request.Request(f"{service.url}/predict", body, {"content-type": "application/json"})
        answer = json.loads(urllib.request.urlopen(asked, timeout=20).read())
        assert "toolkit_batching_calls_total 1\n" in metrics(service.url)
    assert (answer["model"], answer["version"]) == ("churn", 1)
    assert answer["predictions"][0]["label"] in {"yes", "no"}

    told = json.loads(dict(pair.split("=", 1) for pair in image.config.env or ())["TOOLKIT_RUNTIME"])
    assert told["values"]["batching"] == {"max_rows": 64, "max_wait_ms": 0.0, "max_queue": 77}
    told["values"]["batching"]["max_rows"] = 0
    without = {**public, "TOOLKIT_RUNTIME": json.dumps(told)}
    with serving(tmp_path / "root", image, ["serve"], without, log=tmp_path / "log") as service:
        assert "toolkit_batching" not in metrics(service.url)


def metrics(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
        text: str = answer.read().decode()
    return text


def test_a_base_in_the_registry(project: Path, registry: Server, shell: Shell) -> None:
    base = layout.read(project / "base", "amd64")
    with Registry(registry.host) as client:
        transfer.push(base, reference.parse(f"{registry.host}/base/python:3"), client)
    line = f"image build --base {registry.host}/base/python:3 --output image.tar --json"
    made = shell.ok(line, project).data
    assert made["base_digest"] == base.digest
    done = shell.ok(f"image push {registry.host}/team/mounted:1 --from image.tar --json", project).data
    assert done["mounted"] >= 1  # the base's layer is there already
    with layout.opened(project / "image.tar") as folder:
        found = oci.image(folder, oci.manifest(folder, "amd64")[1])
    assert (found.config.labels or {})["org.opencontainers.image.base.name"] == f"{registry.host}/base/python:3"


def test_a_dockerfile_for_those_who_want_one(project: Path, shell: Shell) -> None:
    found = shell.ok("image dockerfile --base oci:base --output docker --json", project).data
    assert found["files"] == ["Dockerfile", "dependencies", "model", "toolkit"]
    model = {path.name for path in (project / "docker" / "model" / "model").iterdir()}
    assert "manifest.json" in model
    assert len(model & {"model.onnx", "compiled"}) == 1  # one form of it, as in the function's bundle
    text = (project / "docker" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY --chown=0:0 (\S+) (\S+)$", text, re.M)
    assert sorted(source for source, _ in copied) == ["dependencies/", "model/", "toolkit/"]
    assert all(any((project / "docker" / source).iterdir()) for source, _ in copied)
    start = json.loads(re.findall(r"^ENTRYPOINT (.*)$", text, re.M)[0])[-1]
    assert any((project / "docker" / source / start.removeprefix(to)).is_file() for source, to in copied)


def test_what_a_plan_measured_is_in_its_json(project: Path, shell: Shell) -> None:
    made = shell.ok("plan --measure --json", project).data
    said = "\n".join(made["measured"])
    assert re.search(r"^(cold|CPU|start).*floor", said, re.M | re.I), said
    assert {action["action"] for action in made["actions"]} >= {"create"}
    assert "measured" in shell.ok("plan --json", project).data


MISTAKES = {
    "image push registry.example/x:1 --kind job": (4, "toolkit image build --kind job"),
    "image push Registry/X": (2, "registry.example/team/name:tag"),
    "image build --base oci:nowhere": (2, ""),
    "image build --base oci:churn.csv": (1, ""),
    "image build --base oci:base --arch arm64": (2, "another base"),
    "image build --base oci:base --version 9": (4, ""),
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_are_answered(line: str, project: Path, shell: Shell) -> None:
    done = shell.run(line, project)
    code, hint = MISTAKES[line]
    assert (done.code, hint in done.err, "Traceback" in done.err) == (code, True, False), done.err


@pytest.mark.exhaustive
def test_the_job_image_runs_a_job(project: Path, shell: Shell, tmp_path: Path) -> None:
    """Everything that training needs, nearly a gigabyte: built, unpacked, started."""
    shell.ok("image build --kind job --base oci:base --output job", project)
    image = unpack(project / "job", tmp_path / "root", "amd64")
    script = "import sklearn, polars, onnxruntime, skl2onnx, uv; uv.find_uv_bin(); import toolkit.lifecycle.fit"
    (tmp_path / "root" / "work" / "look.py").write_text(script)
    for module, code, words in (("look", 0, ""), ("toolkit.entry.job", 2, "TOOLKIT_RUNTIME is not set")):
        made = command(tmp_path / "root", image, [module])
        done = subprocess.run(made.argv, env=made.env, cwd=made.cwd, capture_output=True, text=True, check=False)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    shutil.rmtree(project / "job")
