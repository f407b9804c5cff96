"""Containers of one's own on servers that libcloud's drivers speak to."""

from __future__ import annotations

import atexit
from functools import cache
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from toolkit.adapters.azure.emulator.azurite import Azurite
from toolkit.adapters.libcloud.settings import LibcloudSettings
from toolkit.ports import Settings


def s3(bucket: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The bucket of a target on aws, by libcloud's driver."""
    monkeypatch.setenv("LIBCLOUD_KEY", "test")
    monkeypatch.setenv("LIBCLOUD_SECRET", "test")
    options = {**_host(bucket["endpoint"]), "region": bucket["region"]}
    return _settings("s3", bucket["bucket"], options)


ACCOUNT = "longtail"


def azurite(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A new container of Azure's own emulator, by libcloud's driver with the account's key."""
    from libcloud.storage.providers import get_driver

    server = _azurite()
    monkeypatch.setenv("LIBCLOUD_KEY", ACCOUNT)
    monkeypatch.setenv("LIBCLOUD_SECRET", server.key)
    options = _host(f"http://127.0.0.1:{server.port}")
    name = f"c-{uuid4().hex[:12]}"
    get_driver("azure_blobs")(ACCOUNT, server.key, **options).create_container(name)
    return _settings("azure_blobs", name, options)


@cache
def _azurite() -> Azurite:
    server = Azurite(ACCOUNT, {})
    atexit.register(server.close)
    return server


def _host(address: str) -> dict[str, str | int | bool]:
    where = urlsplit(address)
    return {"host": where.hostname or "", "port": where.port or 0, "secure": False}


def _settings(driver: str, container: str, options: dict[str, str | int | bool]) -> Settings:
    found = LibcloudSettings(driver=driver, container=container, prefix=f"p-{uuid4().hex[:8]}", options=options)
    return found.model_dump(mode="json")
