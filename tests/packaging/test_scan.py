from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.packaging import scan

TWENTY = "A1B2C3D4E5F6G7H8"
SECRETS = [
    ("a private key", b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B"),
    ("a private key", b'"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqh'),
    ("a private key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA"),
    ("a private key", b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"),
    ("an AWS access key id", f"key = 'AKIA{TWENTY}'".encode()),
    ("a temporary AWS access key id", f"key = 'ASIA{TWENTY}'".encode()),
    ("an AWS secret key", b"aws_secret_access_key = " + b"aB3/" * 10),
    ("a Google API key", b"AIza" + b"Sy0_-" * 7),
    ("an Azure storage key", b"AccountName=x;AccountKey=" + b"abcd" * 21 + b"ab=="),
    ("a GitHub token", b"ghp_" + b"a1B2" * 9),
    ("a Slack token", b"xoxb-123456789012-abcdefghijkl"),
]
HARMLESS = [
    b"-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0B",
    b'MARK = "-----BEGIN PRIVATE KEY-----"\n',
    b"AKIAIOSFODNN7EXAMPLE",
    b"AWS_SECRET_ACCESS_KEY = os.environ['AWS_SECRET_ACCESS_KEY']",
    b"sha = '" + b"ab12" * 10 + b"'",
    b"ghp_short and xoxb-and",
]


@pytest.mark.parametrize(("what", "text"), SECRETS)
def test_secrets_are_found_on_their_line(what: str, text: bytes) -> None:
    found = scan.secret("conf/a.py", b"# one\n\n" + text + b"\n")
    assert found == scan.Found(what, "conf/a.py", 3)
    assert str(found) == f"conf/a.py line 3: {what}"


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_one_passes(text: bytes) -> None:
    assert scan.secret("a.py", text) is None


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        (".env", True), (".env.local", True), ("prod.env", True), ("ssh/id_rsa", True), ("store.jks", True),
        (".env.example", False), ("environment.py", False), ("id_rsa.pub", False), ("cert.pem", False),
    ],
)  # fmt: skip
def test_names_that_say_it(name: str, refused: bool) -> None:
    assert (scan.secret(name, b"A=1") is not None) is refused


class Bad:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return eval, ("1 + 1",)


def _npy() -> bytes:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickle.dumps([Bad()])


def _zip(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


PICKLES = {
    **{f"protocol {n}": pickle.dumps(Bad(), n) for n in range(6)},
    "plain data": pickle.dumps({"weights": [1.0, 2.0]}, 4),
    "cut off after the call": pickle.dumps(Bad(), 0)[:-1],
    "with a tail": pickle.dumps(Bad(), 0) + b"\nharmless text",
    "hand-written": b"cos\nsystem\n(S'id'\ntR.",
    "by INST": b"(S'id'\nios\nsystem\n.",
    "after other values": b"I1\nI2\n0cposix\nsystem\n(S'id'\ntR.",
    "gzip": gzip.compress(pickle.dumps(Bad(), 2)),
    "zlib": zlib.compress(pickle.dumps(Bad(), 4)),
    "zlib fast": zlib.compress(pickle.dumps(Bad(), 4), 1),
    "bz2": bz2.compress(pickle.dumps(Bad(), 4)),
    "xz": lzma.compress(pickle.dumps(Bad(), 4)),
    "lzma": lzma.compress(pickle.dumps(Bad(), 4), lzma.FORMAT_ALONE),
    "torch": _zip("archive/data.pkl", pickle.dumps(Bad(), 2)),
    "zip under a false name": _zip("weights.bin", pickle.dumps(Bad(), 2)),
    "zip in gzip": gzip.compress(_zip("x", pickle.dumps(Bad(), 4))),
    "numpy objects": _npy(),
    "npz": _zip("a.npy", _npy()),
    "big": pickle.dumps([Bad(), b"x" * (3 << 20)], 4),
}


@pytest.mark.parametrize("case", PICKLES)
def test_pickles_are_found_whatever_their_name(case: str) -> None:
    for name in ("model.onnx", "sample", "card.md"):
        assert scan.pickled(name, PICKLES[case]), case


@pytest.mark.parametrize("name", ["model.pkl", "a/b.joblib", "net.PT", "x.pickle", "y.ckpt"])
def test_pickle_names_are_refused(name: str) -> None:
    assert scan.pickled(name, b"anything")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"about.",
        b"city\nname\nRome\n.",
        b"class X:\n    pass\n.",
        b"Nb.",
        b"(tR.",
        b'{"a": [1, 2]}',
        b"\x08\x08\x12\x08skl2onnx\x1a\x0520.0",
        gzip.compress(b"plain text", mtime=0),
        b"\x1f\x8bbroken gzip",
        b"PK\3\4broken zip",
        b"x\x9cbroken zlib",
        _zip("a.txt", b"hello"),
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }",
        b"\x80\x02",
    ],
)
def test_other_files_pass(data: bytes) -> None:
    assert scan.pickled("model.onnx", data) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    scan.pickled("x", data)
    scan.secret("x", data)
