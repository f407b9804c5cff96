from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from toolkit.domain.errors import ConfigError, Unauthenticated
from toolkit.packaging.oci.logins import docker
from toolkit.packaging.oci.reference import DOCKER_HUB
from toolkit.ports.registry import Login

HOST = "registry.example"


def encoded(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def found(folder: Path, config: Any, host: str = HOST, helper: str = "") -> Login | None:
    """The login of a config.json, with `docker-credential-test` being this shell script."""
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "config.json").write_text(text)
    if helper:
        program = folder / "docker-credential-test"
        program.write_text(f"#!/bin/sh\nread server\n{helper}\n")
        program.chmod(0o755)
    return docker(host, {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"})


def test_nothing_there(tmp_path: Path) -> None:
    assert docker(HOST, {"DOCKER_CONFIG": str(tmp_path)}) is None
    assert found(tmp_path, {"auths": {"other.example": {"auth": encoded("a", "b")}}}) is None
    assert found(tmp_path, {"auths": {HOST: {}}}) is None


def test_kept_logins(tmp_path: Path) -> None:
    assert found(tmp_path, {"auths": {HOST: {"auth": encoded("me", "a:b")}}}) == Login("me", "a:b")
    assert found(tmp_path, {"auths": {f"https://{HOST}": {"auth": encoded("me", "x")}}}) == Login("me", "x")
    assert found(tmp_path, {"auths": {HOST: {"username": "me", "password": "x"}}}) == Login("me", "x")
    assert found(tmp_path, {"auths": {HOST: {"auth": encoded("me", ""), "identitytoken": "t"}}}) == Login("", token="t")
    hub = {"auths": {"https://index.docker.io/v1/": {"auth": encoded("me", "x")}}}
    assert found(tmp_path, hub, DOCKER_HUB) == Login("me", "x")


def test_a_password_is_not_printed() -> None:
    assert "secret" not in repr(Login("me", "secret", token="secret"))


def test_helpers(tmp_path: Path) -> None:
    answer = 'echo "{\\"Username\\": \\"me\\", \\"Secret\\": \\"$server\\"}"'
    assert found(tmp_path, {"credHelpers": {HOST: "test"}}, helper=answer) == Login("me", HOST)
    assert found(tmp_path, {"credsStore": "test"}, helper=answer) == Login("me", HOST)
    token = 'echo "{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"t\\"}"'
    assert found(tmp_path, {"credsStore": "test"}, helper=token) == Login("", token="t")
    none = "echo credentials not found in native keychain; exit 1"
    assert found(tmp_path, {"credsStore": "test"}, helper=none) is None
    both = {"credsStore": "test", "auths": {HOST: {"auth": encoded("me", "x")}}}
    assert found(tmp_path, both, helper=none) == Login("me", "x")


@pytest.mark.parametrize(("helper", "words"), [("exit 3", "failed"), ("echo nonsense", "something else")])
def test_a_helper_that_fails(helper: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated, match=words):
        found(tmp_path, {"credsStore": "test"}, helper=helper)


def test_a_helper_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated, match="not installed"):
        found(tmp_path, {"credsStore": "no-such"})


@pytest.mark.parametrize("text", ["{", json.dumps({"auths": {HOST: {"auth": "%%%"}}})])
def test_a_file_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        found(tmp_path, text)
