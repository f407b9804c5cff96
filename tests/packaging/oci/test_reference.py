from __future__ import annotations

import pytest

from toolkit.domain.errors import ConfigError
from toolkit.packaging.oci.reference import DOCKER_HUB, Reference, parse

SHA = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python:3.13", Reference(DOCKER_HUB, "library/python", "3.13")),
        ("python", Reference(DOCKER_HUB, "library/python", "latest")),
        ("docker.io/python:3", Reference(DOCKER_HUB, "library/python", "3")),
        ("team/app", Reference(DOCKER_HUB, "team/app", "latest")),
        ("localhost/app:1", Reference("localhost", "app", "1")),
        ("127.0.0.1:5000/a/b/c:1", Reference("127.0.0.1:5000", "a/b/c", "1")),
        ("[::1]:5000/a:1", Reference("[::1]:5000", "a", "1")),
        (f"gcr.io/p/i@{SHA}", Reference("gcr.io", "p/i", "", SHA)),
        (f"gcr.io/p/i:v1@{SHA}", Reference("gcr.io", "p/i", "v1", SHA)),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a__b.c:1",
            Reference("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "a__b.c", "1"),
        ),
    ],
)
def test_as_people_write_them(text: str, expected: Reference) -> None:
    assert parse(text) == expected
    assert parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    ["", ":1", "Python:3", "a b", "host.example/", "host.example/a:", "x@sha256:short", "x@md5:1", "a//b", "a/../b",
     "host.example/a:-x", "https://host.example/a:1", "host.example:port/a", "a" * 300],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="no image reference"):
        parse(text)
