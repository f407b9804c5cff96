"""Docker's own logins: `~/.docker/config.json`, with its credential helpers. The fallback after the cloud's own."""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.domain.errors import ConfigError, Unauthenticated
from toolkit.packaging.oci.reference import DOCKER_HUB
from toolkit.ports.registry import Login

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", DOCKER_HUB)
_SECONDS = 30
_TOKEN_USER = "<token>"  # noqa: S105  # what a helper calls itself when it hands out a refresh token


def docker(host: str, environ: Mapping[str, str] = os.environ) -> Login | None:
    """What `docker login` has kept for `host`; None where there is nothing.

    Raises ConfigError (the file cannot be read), Unauthenticated (a credential helper failed).
    """
    folder = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    config = _read(folder / "config.json")
    names = _HUB_KEYS if host == DOCKER_HUB else (host, f"https://{host}")
    helpers = config.get("credHelpers") or {}
    for name in names:
        helper = helpers.get(name) or config.get("credsStore")
        if helper and (found := _ask(str(helper), name, environ)):
            return found
        entry = (config.get("auths") or {}).get(name)
        if entry and (found := _login(entry, folder / "config.json", name)):
            return found
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="docker login writes it") from error
    return found if isinstance(found, dict) else {}


def _login(entry: dict[str, Any], path: Path, name: str) -> Login | None:
    if token := entry.get("identitytoken"):
        return Login("", token=str(token))
    if not entry.get("auth"):
        return Login(str(entry["username"]), str(entry.get("password", ""))) if entry.get("username") else None
    try:
        user, colon, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the login for {name} is not readable", hint=f"docker login {name}") from error
    return Login(user, password.rstrip("\0")) if colon else None


def _ask(helper: str, name: str, environ: Mapping[str, str]) -> Login | None:
    """`docker-credential-<helper> get`, which reads the server from standard input and answers in JSON."""
    program = shutil.which(f"docker-credential-{helper}", path=environ.get("PATH"))
    if program is None:
        raise Unauthenticated(
            f"Docker's configuration names the credential helper {helper!r}, which is not installed",
            hint=f"install docker-credential-{helper}, or docker login {name}",
        )
    try:
        how: dict[str, Any] = {"capture_output": True, "text": True, "timeout": _SECONDS, "check": False}
        done = subprocess.run([program, "get"], input=name, env=dict(environ), **how)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unauthenticated(f"docker-credential-{helper} did not answer: {error}") from error
    if done.returncode:
        said = (done.stdout or done.stderr).strip()
        if "not found" in said:
            return None
        raise Unauthenticated(f"docker-credential-{helper} failed: {said[-200:]}", hint=f"docker login {name}")
    try:
        found = json.loads(done.stdout)
        user, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unauthenticated(f"docker-credential-{helper} answered with something else than a login") from error
    return Login("", token=secret) if user == _TOKEN_USER else Login(user, secret)
