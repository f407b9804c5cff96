"""Files made to do harm, in the place of a model's own: refused before anything outside is read or any code is run.

They are given to the loader the way an insider would: the manifest is right about them, so digests do not help.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from tests.serving import endpoints
from tests.serving.endpoints import Files, packed
from tests.serving.test_graph import HOSTILE
from toolkit.domain import codec
from toolkit.domain.errors import Corrupt, NewerFormat, StateError
from toolkit.domain.records import ModelManifest
from toolkit.entry.inference import _counter
from toolkit.serving import compiled, session
from toolkit.serving.model import load


class Bad:
    """Unpickling it would write a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch owned",))


def zipped(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, data)
    return stream.getvalue()


def tarred(data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("../../etc/cron.d/owned")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def dumped(save: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    save(stream)
    return stream.getvalue()


def graph_bytes() -> bytes:
    return endpoints.binary_files().files["model.onnx"]


PICKLE = pickle.dumps(Bad(), 4)
OBJECTS = np.array([Bad()], dtype=object)
MALICIOUS: dict[str, bytes] = {
    **{f"pickle, protocol {p}": pickle.dumps(Bad(), p) for p in range(6)},
    "joblib": dumped(lambda stream: joblib.dump(Bad(), stream)),
    "joblib, compressed": dumped(lambda stream: joblib.dump(Bad(), stream, compress=3)),
    "torch archive": zipped("archive/data.pkl", PICKLE),
    "numpy array of objects": dumped(lambda stream: np.save(stream, OBJECTS, allow_pickle=True)),
    "npz of objects": dumped(lambda stream: np.savez(stream, a=OBJECTS)),
    "gzip of a pickle": gzip.compress(PICKLE),
    "bz2 of a pickle": bz2.compress(PICKLE),
    "xz of a pickle": lzma.compress(PICKLE),
    "zlib of a pickle": zlib.compress(PICKLE),
    "tar that leads out": tarred(PICKLE),
    "keras archive with code": zipped("config.json", b'{"class_name": "Lambda", "config": {"function": "4wEAAA=="}}'),
    "yaml that calls": b"!!python/object/apply:os.system ['touch owned']\n",
    "python source": b"import os\nos.system('touch owned')\n",
    "shell script": b"#!/bin/sh\ntouch owned\n",
    "shared library": b"\x7fELF\x02\x01\x01" + bytes(57),
    "xml with an entity": b'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><PMML>&x;</PMML>',
    "onnxruntime's own format": b"\x1c\x00\x00\x00ORTM" + bytes(64),
    "a pickle, then a model": PICKLE + graph_bytes(),
    "a model, then a pickle": graph_bytes() + PICKLE,
    "a model, then a zip": graph_bytes() + zipped("data.pkl", PICKLE),
    "a model, then a tar": graph_bytes() + tarred(PICKLE),
    "a zip with a model inside": zipped("model.onnx", graph_bytes()),
    "nothing": b"",
}
ROLES = ("model.onnx", "compiled", "profile")


def with_file(role: str, data: bytes) -> Files:
    """A model whose manifest names `data` as `role`, as an insider would write it."""
    files = endpoints.bundled_files()
    manifest = codec.decode(files.files["manifest.json"], ModelManifest)
    own = {name: content for name, content in files.files.items() if name != "manifest.json"}
    if role == "compiled":
        del own["model.onnx"]
    return packed(manifest.signature, {**own, role: data})


# An audit hook cannot be removed, so there is one for the process, which listens while somebody wants it to.
_HEARD: list[tuple[str, str]] | None = None
CODE = {
    "pickle.find_class",
    "marshal.loads",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "ctypes.dlopen",
}


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _HEARD is not None and (event in CODE or event == "open"):
        _HEARD.append((event, str(arguments[0]) if arguments else ""))


sys.addaudithook(_listen)


@contextmanager
def listening() -> Iterator[list[tuple[str, str]]]:
    global _HEARD
    heard = _HEARD = []
    try:
        yield heard
    finally:
        _HEARD = None


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """Everything that a model's files come to import: reading a module's own bytecode is no event of theirs."""
    files = endpoints.bundled_files()
    _counter(load(files.files, files.digest))
    broken = with_file("profile", b"{")
    with pytest.raises(Corrupt):
        _counter(load(broken.files, broken.digest))
    with pytest.raises(Corrupt):
        compiled.read(b"", codec.decode(files.files["manifest.json"], ModelManifest).signature)


@pytest.fixture
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "opened", lambda data: pytest.fail("onnxruntime was started"))


def unpacked(files: Files, folder: Path) -> Path:
    model = folder / "bundle/model"
    model.mkdir(parents=True)
    for name, data in files.files.items():
        (model / name).write_bytes(data)
    for place in (folder, folder / "bundle", model):
        (place / "secret.bin").write_bytes(b"secret")
    return model


@pytest.mark.usefixtures("no_session")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_graph_is_refused_from_bytes_and_from_a_folder(name: str, tmp_path: Path) -> None:
    """Nothing is opened but the files of the model, and onnxruntime, which would open the rest, is not started."""
    files = with_file("model.onnx", HOSTILE[name]().SerializeToString())
    with listening() as heard, pytest.raises(Corrupt, match="is refused"):
        load(files.files, files.digest)
    assert heard == []
    model = unpacked(files, tmp_path)
    with listening() as heard, pytest.raises(Corrupt, match="is refused"):
        load(model, files.digest)
    assert {Path(place).parent for _, place in heard} == {model}
    assert {Path(place).name for _, place in heard} <= set(files.files)


def test_the_ear_hears() -> None:
    with listening() as heard:
        pickle.loads(pickle.dumps(os.getpid))
        Path(__file__).read_bytes()
    assert [event for event, _ in heard] == ["pickle.find_class", "open"]


@pytest.mark.usefixtures("no_session")
@pytest.mark.parametrize("kind", ["symbolic", "symbolic folder"])
@pytest.mark.parametrize("role", ["model.onnx", "manifest.json", "profile"])
def test_a_link_to_outside_is_not_followed(tmp_path: Path, role: str, kind: str) -> None:
    files = endpoints.bundled_files()
    model = unpacked(files, tmp_path)
    outside = tmp_path / "elsewhere" / role
    outside.parent.mkdir()
    outside.write_bytes(files.files[role])
    (model / role).unlink()
    if kind == "symbolic":
        (model / role).symlink_to(outside)
    else:
        (model / "link").symlink_to(outside.parent)
        (model / role).symlink_to(f"link/{role}")
    with listening() as heard, pytest.raises(Corrupt, match="link to outside"):
        load(model, files.digest)
    assert not [place for _, place in heard if "elsewhere" in place]


@pytest.mark.usefixtures("no_session")
@pytest.mark.parametrize("role", ["model.onnx", "manifest.json", "profile"])
def test_a_hard_link_to_another_file_is_held_to_its_digest(tmp_path: Path, role: str) -> None:
    files = endpoints.bundled_files()
    model = unpacked(files, tmp_path)
    (model / role).unlink()
    (model / role).hardlink_to(tmp_path / "secret.bin")
    with pytest.raises(Corrupt, match="it is not the file that was deployed"):
        load(model, files.digest)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", MALICIOUS)
def test_a_malicious_file_under_a_false_name_is_refused(
    name: str, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if role != "profile":
        monkeypatch.setattr(session, "opened", lambda data: pytest.fail("onnxruntime was started"))
    files = with_file(role, MALICIOUS[name])
    with listening() as heard, pytest.raises((Corrupt, NewerFormat)) as caught:
        _counter(load(files.files, files.digest))
    assert caught.value.message
    assert not {event for event, _ in heard} & CODE
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", MALICIOUS)
def test_a_malicious_file_as_the_manifest_is_refused(name: str) -> None:
    from toolkit.domain import digest

    data = MALICIOUS[name]
    with listening() as heard, pytest.raises(StateError):
        load({**endpoints.bundled_files().files, "manifest.json": data}, digest.of_bytes(data))
    assert heard == []


def test_there_are_at_least_twenty_of_them_and_forty_graphs() -> None:
    assert len(MALICIOUS) >= 20
    assert len(HOSTILE) >= 40
