"""The serving image of a real model, run from its layers, spoken to as each platform would."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.oci import bases
from tests.serving import endpoints
from toolkit.domain.errors import Unavailable
from toolkit.domain.oci import Image
from toolkit.execution.image.running import serving
from toolkit.execution.image.unpack import unpack
from toolkit.packaging import bundle, ours
from toolkit.packaging.bundle import BundleSpec
from toolkit.packaging.oci import base, build, contents, layout

pytestmark = pytest.mark.slow
# platform -> (variable of the port, arguments, environment, health, prediction, body's key)
CONTRACTS: dict[str, tuple[str, list[str], dict[str, str], str, str, str]] = {
    "cloud run": ("PORT", [], {}, "/healthz", "/predict", "records"),
    "vertex": (
        "AIP_HTTP_PORT", [], {"AIP_PREDICT_ROUTE": "/v1/p", "AIP_HEALTH_ROUTE": "/v1/h"}, "/v1/h", "/v1/p", "instances",
    ),
    "sagemaker": ("SAGEMAKER_BIND_TO_PORT", ["serve"], {}, "/ping", "/invocations", "instances"),
    "azure ml": ("PORT", [], {}, "/healthz", "/score", "data"),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Our own source in another folder: nobody edits it meanwhile."""
    ignore = shutil.ignore_patterns("__pycache__", "_shipped")
    copy = shutil.copytree(ours.PACKAGE, tmp_path_factory.mktemp("src") / "toolkit", ignore=ignore)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "PACKAGE", copy)
        yield


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Image]:
    """The root of a serving image of the small model, without auth."""
    folder, files = tmp_path_factory.mktemp("image"), endpoints.binary_files()
    under = bases.running(folder / "base")
    told = {
        "project": "p",
        "target": "dev",
        "endpoint": "flights",
        "model_version": 7,
        "model_digest": files.digest,
        "values": {"auth": {"mode": "public"}},
    }
    spec = BundleSpec("inference", python=bases.VERSION, platform="x86_64", model_files=dict(files.files))
    content = contents.serve(spec)
    assert {"uvicorn", "onnxruntime"} <= content.packages.keys()
    environment = {"TOOLKIT_RUNTIME": json.dumps(told)}
    offers = base.inspect(under, "base")
    made = build.ImageSpec("serve", "flights", under, offers, content, environment=environment)
    layout.write(build.build(made), folder / "layout", "flights:7")
    return folder / "root", unpack(folder / "layout", folder / "root", "amd64")


def ask(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as got:
        return json.loads(got.read() or b"null")


def expected() -> dict[str, float]:
    """What scikit-learn itself says about ROW, whose times are days since 1970 to the model."""
    import pandas as pd

    row = {**endpoints.ROW, "rain": 1.0, "hour": 15887.5, "day": 15887.0}
    pipeline = endpoints.binary_files().pipeline
    return dict(zip(pipeline.classes_, pipeline.predict_proba(pd.DataFrame([row]))[0], strict=True))


@pytest.mark.parametrize("platform", CONTRACTS)
def test_one_image_for_every_platform(platform: str, unpacked: tuple[Path, Image], tmp_path: Path) -> None:
    root, image = unpacked
    variable, arguments, environment, health, predict, key = CONTRACTS[platform]
    with serving(root, image, arguments, environment, log=tmp_path / "log", port_variable=variable) as service:
        ask(service.url + health)
        answer = ask(service.url + predict, {key: [endpoints.ROW]})
    found = answer if isinstance(answer, list) else answer["predictions"]
    assert found[0]["probabilities"] == pytest.approx(expected(), abs=1e-5)


def test_the_content_is_the_bundles(unpacked: tuple[Path, Image]) -> None:
    """Every file of the function's zip lies in the image, byte for byte."""
    root, _ = unpacked
    files = endpoints.binary_files()
    built = bundle.build(
        BundleSpec("inference", python=bases.VERSION, platform="x86_64", model_files=dict(files.files))
    )
    with zipfile.ZipFile(built.path) as packed:
        differing = {name for name in packed.namelist() if (root / "app" / name).read_bytes() != packed.read(name)}
    assert differing == {"sbom.json"}  # the server is in it


def test_an_image_that_was_told_nothing_answers_nobody(unpacked: tuple[Path, Image], tmp_path: Path) -> None:
    root, image = unpacked
    told = {"TOOLKIT_AUTH": "closed"}
    with serving(root, image, (), told, log=tmp_path / "log") as service:
        ask(service.url + "/healthz")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(service.url + "/predict", {"records": [endpoints.ROW]})
    with (
        pytest.raises(Unavailable, match="exit code 2"),
        serving(root, image, ["train"], log=tmp_path / "log"),
    ):
        pass
    with (
        pytest.raises(Unavailable),
        serving(root, image, (), {"TOOLKIT_RUNTIME": ""}, log=tmp_path / "log"),
    ):
        pass
    assert "error: the variable TOOLKIT_RUNTIME is not set" in (tmp_path / "log").read_text()
