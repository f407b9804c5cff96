from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tests.packaging.oci import bases
from toolkit.domain import oci
from toolkit.domain.errors import ConfigError, Corrupt, NotFound, ToolkitError
from toolkit.packaging.oci import base, build, dockerfile, layout
from toolkit.packaging.oci.build import ImageSpec
from toolkit.packaging.oci.contents import Content, Group, needs
from toolkit.packaging.oci.layer import Folder, make
from toolkit.packaging.oci.layout import Built

from .conftest import made, members


def test_what_is_in_an_image(small: Built) -> None:
    image, manifest = small.image, small.manifest
    process = image.config
    assert (image.architecture, image.os, len(manifest.layers), len(image.rootfs.diff_ids)) == ("amd64", "linux", 4, 4)
    assert {layer.media_type for layer in manifest.layers} == {oci.LAYER_GZIP}
    assert (process.user, process.working_dir) == ("65532:65532", "/app")
    assert process.entrypoint == ["/usr/local/bin/python3", "/app/serve.py"]
    assert not process.cmd
    variables = process.variables()
    assert (variables["PATH"], variables["A"], variables["PYTHONPATH"]) == (bases.PATH, "1", "/app")
    labels = process.labels or {}
    assert labels["org.opencontainers.image.title"] == "shop-inference"
    assert labels["org.opencontainers.image.created"] == image.created == "1980-01-01T00:00:00Z"
    assert manifest.annotations["org.opencontainers.image.base.digest"].startswith("sha256:")
    assert "org.opencontainers.image.base.name" not in labels  # a folder's path would be in the digest


def test_a_job_is_told_its_module(tmp_path: Path, own_cache: Path) -> None:
    under = bases.looks_like_one(tmp_path / "base")
    content = Content((Group("dependencies", members({"a.py": b""})),), {})
    built = build.build(ImageSpec("job", "shop", under, base.inspect(under, "base"), content))
    process = built.image.config
    assert process.entrypoint == ["/usr/local/bin/python3", "-m"]
    assert process.cmd == ["toolkit.entry.job"]
    assert process.working_dir == "/work"
    with tarfile.open(built.files[built.manifest.layers[-1].digest]) as tar:
        found = {entry.name: (entry.mode, entry.uid, entry.mtime) for entry in tar}
    assert found == {
        "app": (0o755, 0, 315532800),
        "app/a.py": (0o644, 0, 315532800),
        "tmp": (0o1777, 0, 315532800),
        "work": (0o1777, 0, 315532800),
    }


def test_programs_stay_programs(small: Built) -> None:
    with tarfile.open(small.files[small.manifest.layers[1].digest]) as tar:
        modes = {entry.name: entry.mode for entry in tar if entry.isreg()}
    assert modes == {"app/bin/uv": 0o755, "app/numpy/__init__.py": 0o644}


def test_same_digest_wherever_and_by_whomever(small: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "another" / "place"
    elsewhere.mkdir(parents=True)
    for name, value in {
        "XDG_CACHE_HOME": str(tmp_path / "second-cache"), "TZ": "Pacific/Auckland", "USER": "someone", "LC_ALL": "C",
        "HOME": str(elsewhere),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    time.tzset()
    before = os.umask(0o077)
    try:
        again = made(bases.looks_like_one(elsewhere / "base"))
        layout.write(again, elsewhere / "a.tar", "shop:1")
    finally:
        os.umask(before)
    assert again.digest == small.digest
    layout.write(small, tmp_path / "b.tar", "shop:1")
    assert (elsewhere / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_what_matters_is_in_the_digest(small: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    under = bases.looks_like_one(tmp_path / "base")
    other_base = bases.looks_like_one(tmp_path / "other", etc__x=b"")
    assert (
        len({small.digest, made(under, model=b"2").digest, made(under, name="x").digest, made(other_base).digest}) == 4
    )
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    dated = made(under)
    assert dated.digest != small.digest
    assert dated.image.created == "2023-11-14T22:13:20Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "today")
    with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH"):
        made(under)


@pytest.mark.parametrize("name", ["folder", "image.tar"])
def test_written_and_read(name: str, small: Built, tmp_path: Path) -> None:
    seen: list[int] = []
    for _ in range(2):
        layout.write(small, tmp_path / name, "shop:7", seen.append)
    with layout.opened(tmp_path / name) as folder:
        back = layout.read(folder, "amd64")
        assert layout.read(folder, "amd64", "7").digest == small.digest
        assert (back.digest, back.manifest, back.image) == (small.digest, small.manifest, small.image)
        for entry in back.blobs():
            back.open(entry)
        with pytest.raises(NotFound, match="it has 7"):
            layout.read(folder, "amd64", "8")
        with pytest.raises(ToolkitError, match="linux/amd64"):
            layout.read(folder, "arm64")
    assert sum(seen) >= 2 * small.size


def test_a_second_image_replaces_the_first(small: Built, tmp_path: Path) -> None:
    layout.write(small, tmp_path / "out", "")
    second = made(bases.looks_like_one(tmp_path / "base"), model=b"another")
    layout.write(second, tmp_path / "out", "")
    assert layout.read(tmp_path / "out", "amd64").digest == second.digest
    assert len(list((tmp_path / "out" / "blobs" / "sha256").iterdir())) == 6


def test_docker_load_finds_its_way(small: Built, tmp_path: Path) -> None:
    layout.write(small, tmp_path / "image.tar", "shop:7")
    with tarfile.open(tmp_path / "image.tar") as tar:
        (dockers,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        names = set(tar.getnames())
    assert dockers["RepoTags"] == ["shop:7"]
    assert {dockers["Config"], *dockers["Layers"]} <= names


def test_other_peoples_files_are_left_alone(small: Built, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(ConfigError, match="is there"):
        layout.write(small, tmp_path / "mine", "")
    with pytest.raises(ConfigError, match="no image at"), layout.opened(tmp_path / "none"):
        pass
    with pytest.raises(ConfigError, match="no OCI image layout"), layout.opened(tmp_path / "mine") as folder:
        layout.read(folder, "amd64")


def read_whole(path: Path) -> None:
    found = layout.read(path, "amd64")
    for blob in found.blobs():
        found.open(blob)


@pytest.mark.parametrize("damage", ["gone", "short", "changed"])
def test_damage_is_noticed(damage: str, small: Built, tmp_path: Path) -> None:
    layout.write(small, tmp_path / "out", "")
    for entry in [*small.blobs(), small.descriptor]:
        path = oci.blob(tmp_path / "out", entry.digest)
        data = path.read_bytes()
        path.unlink()
        if damage != "gone":
            path.write_bytes(data[:-1] if damage == "short" else data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises((Corrupt, NotFound)):
            read_whole(tmp_path / "out")
        path.write_bytes(data)


@pytest.mark.parametrize("name", ["../x", "blobs/sha256/../../x", "/etc/passwd", "blobs/sha256/short", "other"])
def test_an_archive_holds_an_image_only(name: str, tmp_path: Path, own_cache: Path) -> None:
    with tarfile.open(tmp_path / "image.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(Corrupt, match="no part of an OCI layout"), layout.opened(tmp_path / "image.tar"):
        pass


def test_a_damaged_layer_of_the_cache_is_made_again(small: Built, own_cache: Path, tmp_path: Path) -> None:
    for path in own_cache.glob("oci-layers/*.tar.gz"):
        path.write_bytes(b"x")
    assert made(bases.looks_like_one(tmp_path / "base")).digest == small.digest


def test_an_empty_layer(own_cache: Path) -> None:
    assert make({}, "/app", 0, [Folder("/work", 0o1777)]).size > 0


def test_what_a_job_needs_follows_from_the_distribution() -> None:
    assert {"click", "msgspec", "polars", "onnxruntime", "uv"} <= set(needs({"data", "onnx", "build"}))
    assert "boto3" not in needs({"data"})
    assert {"boto3", "polars", "moto"} <= set(needs({"dev"}))  # extras of extras


def test_a_dockerfile_of_the_same(small: Built, tmp_path: Path) -> None:
    under = bases.looks_like_one(tmp_path / "base")
    content = Content((Group("toolkit", members({"serve.py": b"print(1)\n", "bin/uv": b"#!"})),), {})
    spec = ImageSpec(
        "serve", "shop", under, base.inspect(under, "b"), content, environment={"TOOLKIT_RUNTIME": '{"a": "$x\\\\"}'}
    )
    assert dockerfile.export(spec, "python:3.11-slim", tmp_path / "out") == ["Dockerfile", "toolkit"]
    text = (tmp_path / "out" / "Dockerfile").read_text()
    assert text.startswith("FROM python:3.11-slim\nCOPY --chown=0:0 toolkit/ /app/\n")
    assert 'ENV TOOLKIT_RUNTIME="{\\"a\\": \\"\\$x\\\\\\\\\\"}"' in text
    assert 'ENTRYPOINT ["/usr/local/bin/python3", "/app/serve.py"]' in text
    assert "USER 65532:65532" in text
    assert os.access(tmp_path / "out" / "toolkit" / "bin" / "uv", os.X_OK)
    shutil.rmtree(tmp_path / "out" / "toolkit")
    assert dockerfile.export(spec, "python:3.11-slim", tmp_path / "out") == ["Dockerfile", "toolkit"]


def test_the_image_knows_one_argument() -> None:
    script = Path(__file__).parents[3] / "functions" / "inference" / "serve.py"
    done = subprocess.run([sys.executable, script, "train"], capture_output=True, text=True, check=False)
    assert (done.returncode, "serve" in done.stderr) == (2, True)
    environment = {**os.environ, "PORT": "none"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "no port" in done.stderr) == (2, True)
