"""The emulator over the wire for this process's tests: one server, a container or names of one's own for every case."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
import requests

from toolkit.adapters.azure import client
from toolkit.adapters.azure.blob_service import service
from toolkit.adapters.azure.emulator import COMMAND
from toolkit.adapters.azure.emulator.server import TOKEN, USED
from toolkit.adapters.azure.emulators import azure
from toolkit.adapters.azure.settings import AzureSettings
from toolkit.ports import Settings
from toolkit.testing.servers import shared


def address() -> str:
    """Of the server, which is started when it is first asked for."""
    found = shared(COMMAND)
    client.emulated.add(found)
    return found


def settings(**more: object) -> Settings:
    """Of a project of one's own on the server."""
    context = {"project": f"p-{uuid4().hex[:12]}", "target": "test"}
    given = AzureSettings.model_validate({"emulator": "azure", **more}, context=context).model_dump(mode="json")
    return azure(given).connect(given, address())


def bucket() -> Settings:
    """The settings with a new, empty container."""
    found = settings(container=f"bucket-{uuid4().hex[:12]}")
    service(found["account"], found["endpoint"]).create_container(found["container"])
    return found


@contextmanager
def acting(principal: str) -> Iterator[None]:
    """All that is asked of the emulator inside is asked as this principal: the id of an identity, or an object id."""
    from azure.core.credentials import AccessToken

    kept: dict[str, str] = {}

    def token(_: Any, *scopes: str, **__: Any) -> AccessToken:
        audience = scopes[0].removesuffix("/.default")
        if audience not in kept:
            kept[audience] = _token(principal, audience)
        return AccessToken(kept[audience], int(time.time()) + 3600)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client._Fixed, "get_token", token)
        yield


def _token(principal: str, audience: str) -> str:
    told = requests.post(
        f"{address()}{TOKEN}",
        params={"principal": principal, "resource": audience},
        headers={"Authorization": f"Bearer {client.EMULATED_TOKEN}"},
        timeout=10,
    )
    return str(told.json()["access_token"])


def permissions() -> dict[str, Any]:
    """What role assignments were used for, and what was refused."""
    found: dict[str, Any] = requests.get(f"{address()}{USED}", timeout=10).json()
    return found
