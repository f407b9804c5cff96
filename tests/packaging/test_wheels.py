from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.domain.errors import ConfigError, PlanError
from toolkit.packaging import uv, wheels
from toolkit.packaging.bytecode import interpreter

LOCKED = """\
flatbuffers==25.12 \\
    --hash=sha256:aa
    # via onnxruntime
numpy==2.4.6 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via -r requirements.in, onnxruntime
onnxruntime==1.32.0 \\
    --hash=sha256:dd
    # via -r requirements.in
packaging==26.3 \\
    --hash=sha256:ee
    # via my-package, onnxruntime
protobuf==6.33 \\
    --hash=sha256:ff
    # via -c constraints.txt, onnxruntime
"""


def test_what_only_onnxruntime_asks_for_and_never_imports_is_left_out() -> None:
    text = wheels.without_unused(LOCKED)
    assert [line.split("==")[0] for line in text.splitlines() if "==" in line] == ["numpy", "onnxruntime", "packaging"]
    assert "--hash=sha256:cc" in text
    assert "sha256:aa" not in text
    assert "sha256:ff" not in text


def test_names_of_platforms() -> None:
    assert wheels.uv_platform("host") is None
    assert wheels.uv_platform("arm64") == "aarch64-manylinux_2_28"
    assert wheels.uv_platform("x86_64-manylinux_2_34") == "x86_64-manylinux_2_34"
    assert wheels.identity("host") not in {"host", wheels.identity("arm64")}


def test_nothing_asked_for_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "run", None)
    assert wheels.resolved([], [], "3.11", "host") == ""
    assert wheels.layer("", "3.11", "host", None) == {}


@pytest.mark.slow
def test_a_set_is_resolved_trimmed_compiled_and_kept(
    index: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    index("alpha", "1.0", {"alpha/__init__.py": b"X = 1\n", "alpha/tests/t.py": b""}, needs=("beta",))
    index("beta", "1.0", {"beta.py": b"Y = 1\n"})
    index("beta", "2.0", {"beta.py": b"Y = 2\n"})
    by = interpreter("3.11")
    text = wheels.resolved(["alpha==1.0"], ["beta==1.0"], "3.11", "host")
    members = wheels.layer(text, "3.11", "host", by)
    assert [n for n in members if "__pycache__" not in n] == [
        "alpha-1.0.dist-info/METADATA", "alpha/__init__.py", "beta-1.0.dist-info/METADATA", "beta.py",
    ]  # fmt: skip
    assert members["beta.py"].data() == b"Y = 1\n"
    assert len(members) == (6 if by else 4)
    monkeypatch.setattr(uv, "run", None)
    assert wheels.resolved(["alpha==1.0"], ["beta==1.0"], "3.11", "host") == text
    assert wheels.layer(text, "3.11", "host", by).keys() == members.keys()


@pytest.mark.slow
def test_for_another_machine(index: Callable[..., Path]) -> None:
    index("alpha", "1.0", {"alpha.py": b"ARM = 1\n"}, tag="cp313-cp313-manylinux_2_28_aarch64")
    index("alpha", "1.0", {"alpha.py": b"X86 = 1\n"}, tag="cp313-cp313-manylinux_2_28_x86_64")
    for platform, content in (("arm64", b"ARM = 1\n"), ("x86_64", b"X86 = 1\n")):
        text = wheels.resolved(["alpha"], [], "3.13", platform)
        assert wheels.layer(text, "3.13", platform, None)["alpha.py"].data() == content
    with pytest.raises(ConfigError, match=r"for Python 3\.11 on arm64: .*alpha"):
        wheels.resolved(["alpha"], [], "3.11", "arm64")


@pytest.mark.slow
def test_a_wheel_changed_after_locking_is_refused(
    index: Callable[..., Path], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index("alpha", "1.0", {"alpha.py": b"good\n"})
    text = wheels.resolved(["alpha"], [], "3.11", "host")
    index("alpha", "1.0", {"alpha.py": b"evil\n"})
    monkeypatch.setenv("UV_CACHE_DIR", str(own_cache / "emptied"))  # uv keeps what it has seen, which was the good one
    with pytest.raises(ConfigError, match=r"(?i)hash mismatch"):
        wheels.layer(text, "3.11", "host", None)
    assert not list((own_cache / "layers").glob("wheels-*"))


@pytest.mark.slow
def test_a_package_that_brings_a_pickle_is_refused(index: Callable[..., Path]) -> None:
    index("alpha", "1.0", {"alpha/__init__.py": b"", "alpha/data.bin": pickle.dumps({"a": [1]}, 4)})
    text = wheels.resolved(["alpha"], [], "3.11", "host")
    with pytest.raises(PlanError, match=r"alpha/data\.bin: a pickle by its content"):
        wheels.layer(text, "3.11", "host", None)
