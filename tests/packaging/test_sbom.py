from __future__ import annotations

import json
from typing import Any

import pytest

import toolkit
from toolkit.domain import digest
from toolkit.packaging import archive, sbom

MODEL = {"manifest.json": b'{"kind":"model","model":"flights"}', "model.onnx": b"onnx"}


def members(*metadata: str) -> dict[str, archive.Member]:
    files = {f"p{n}-1.dist-info/METADATA": text.encode() for n, text in enumerate(metadata)}
    return {member.name: member for member in archive.pack_all({**files, "vendor/x.dist-info/METADATA": b"Name: no"})}


def bill(model: dict[str, bytes] | None = None) -> dict[str, Any]:
    found = sbom.packages(
        members(
            "Name: Zeta_Pack\nVersion: 2.0\nLicense-Expression: MIT OR Apache-2.0\n\nName: body",
            "Name: alpha\nVersion: 1.0\nClassifier: License :: OSI Approved :: BSD License\nLicense: BSD",
            "Name: beta\nVersion: 3\nLicense: a very long text " + "x" * 100,
        )
    )
    data = sbom.document("inference", found, MODEL if model is None else model, python="3.13", platform="x86_64")
    document: dict[str, Any] = json.loads(data)
    return document


def test_components() -> None:
    document = bill()
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    by_name = {component["name"]: component for component in document["components"]}
    assert by_name["Zeta_Pack"]["purl"] == "pkg:pypi/zeta-pack@2.0"
    assert by_name["Zeta_Pack"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert by_name["alpha"]["licenses"] == [{"license": {"name": "BSD License"}}]
    assert "licenses" not in by_name["beta"]
    assert by_name["driftloop"]["version"] == toolkit.__version__
    assert "no" not in by_name
    references = [component["bom-ref"] for component in document["components"]]
    assert references == sorted(set(references))


def test_the_model_is_a_component_named_by_its_digest() -> None:
    (model,) = [c for c in bill()["components"] if c["type"] == "machine-learning-model"]
    assert model["name"] == "flights"
    assert model["hashes"] == [{"alg": "SHA-256", "content": digest.of_bytes(MODEL["manifest.json"])}]
    assert [part["name"] for part in model["components"]] == ["manifest.json", "model.onnx"]
    assert model["components"][1]["hashes"][0]["content"] == digest.of_bytes(b"onnx")


@pytest.mark.parametrize("manifest", [None, b"[1]", b"not json"])
def test_a_model_without_a_readable_manifest(manifest: bytes | None) -> None:
    files = {"model.onnx": b"onnx", **({"manifest.json": manifest} if manifest is not None else {})}
    (model,) = [c for c in bill(files)["components"] if c["type"] == "machine-learning-model"]
    assert model["name"] == "inference"
    assert len(model["version"]) == 12


def test_deterministic_and_named_by_content() -> None:
    assert bill() == bill()
    assert bill()["serialNumber"].startswith("urn:uuid:")
    assert bill()["serialNumber"] != bill({})["serialNumber"]
    assert "timestamp" not in json.dumps(bill())
