"""A CycloneDX 1.6 bill of materials: every package in a bundle with its licence, ourselves, and the model.

Written from what is inside, with no clock and no random number, so that it never changes a bundle's digest by itself.
"""

from __future__ import annotations

import email.parser
import json
import uuid
from collections.abc import Mapping
from email.message import Message
from typing import Any

import toolkit
from toolkit.domain import digest
from toolkit.packaging.archive import Member

NAME = "sbom.json"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://pypi.org/project/driftloop/")


def packages(members: Mapping[str, Member]) -> list[Message]:
    """The metadata of every distribution inside, by name."""
    parser = email.parser.HeaderParser()
    found = [
        parser.parsestr(member.data().decode("utf-8", "replace"))
        for name, member in members.items()
        if name.endswith(".dist-info/METADATA") and name.count("/") == 1
    ]
    return sorted(found, key=lambda message: message["Name"].lower())


def document(
    function: str, distributions: list[Message], model_files: Mapping[str, bytes], *, python: str, platform: str
) -> bytes:
    """The bill as JSON. `model_files` are the files under model/; with a manifest.json they become one component."""
    components = [_package(message) for message in distributions]
    components.append(_component("driftloop", toolkit.__version__, [{"license": {"id": "Apache-2.0"}}]))
    if model_files:
        components.append(_model(function, model_files))
    components.sort(key=lambda component: str(component["bom-ref"]))
    properties = [{"name": "driftloop:platform", "value": platform}, {"name": "driftloop:python", "value": python}]
    subject = {"type": "application", "bom-ref": f"function:{function}", "name": function, "properties": properties}
    body: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
    }
    serial = uuid.uuid5(_NAMESPACE, digest.of_value(body))
    return json.dumps({**body, "serialNumber": f"urn:uuid:{serial}"}, indent=1, sort_keys=True).encode()


def _package(message: Message) -> dict[str, Any]:
    return _component(message["Name"], message["Version"], _licenses(message))


def _component(name: str, version: str, licenses: list[dict[str, Any]]) -> dict[str, Any]:
    purl = f"pkg:pypi/{name.lower().replace('_', '-').replace('.', '-')}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        **({"licenses": licenses} if licenses else {}),
    }


def _licenses(message: Message) -> list[dict[str, Any]]:
    """By the expression where there is one, else the licence classifiers, else a short License line."""
    if message["License-Expression"]:
        return [{"expression": message["License-Expression"]}]
    classifiers = [c for c in message.get_all("Classifier", []) if c.startswith("License :: ")]
    names = sorted({c.rpartition(" :: ")[2] for c in classifiers} - {"OSI Approved"})
    line = (message["License"] or "").strip()
    if not names and line and "\n" not in line and len(line) < 80:
        names = [line]
    return [{"license": {"name": name}} for name in names]


def _model(function: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        manifest = json.loads(files.get("manifest.json", b"{}"))
    except ValueError:
        manifest = {}
    name = str(manifest.get("model") or function) if isinstance(manifest, dict) else function
    whole = (
        digest.of_bytes(files.get("manifest.json", b""))
        if "manifest.json" in files
        else digest.of_value({role: digest.of_bytes(data) for role, data in files.items()})
    )
    parts = [
        {"type": "file", "bom-ref": f"model:{name}/{role}", "name": role, "hashes": _hashes(digest.of_bytes(data))}
        for role, data in sorted(files.items())
    ]
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{name}",
        "name": name,
        "version": whole[:12],
        "hashes": _hashes(whole),
        "components": parts,
    }


def _hashes(value: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": value}]
