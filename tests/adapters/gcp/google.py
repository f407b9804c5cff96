"""The emulator over the wire for this process's tests: one server, a bucket or a folder of one's own for every case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import pytest

from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.emulator import COMMAND
from toolkit.adapters.gcp.names import Names
from toolkit.adapters.gcp.settings import GcpSettings
from toolkit.domain.errors import AlreadyExists
from toolkit.ports import Settings
from toolkit.testing.servers import shared


def address() -> str:
    """Of the server, which is started when it is first asked for."""
    found = shared(COMMAND)
    client.emulated.add(found)
    return found


def settings(**more: object) -> Settings:
    """Of a project of one's own on the server."""
    where = {"project": "emulated-project", "region": "europe-west1"}
    at = {"endpoint": address(), "services_endpoint": address()}
    context = {"project": f"p-{uuid4().hex[:12]}", "target": "test"}
    return GcpSettings.model_validate({**where, **at, **more}, context=context).model_dump(mode="json")


def bucket() -> Settings:
    """The settings with a new, empty bucket."""
    found = settings(bucket=f"bucket-{uuid4().hex[:12]}")
    client.storage(found["project"], found["endpoint"]).create_bucket(found["bucket"], location=found["region"])
    return found


def make_account(name: str) -> str:
    """A service account with this address, made where there is none."""
    short, _, rest = name.partition("@")
    api = client.Api("iam.googleapis.com", "v1", address())
    with suppress(AlreadyExists):
        api.call("make", "POST", f"projects/{rest.partition('.')[0]}/serviceAccounts", {"accountId": short})
    return name


def scheduler(found: Settings) -> str:
    """The account as which schedules and watches call, made as an operator does."""
    return make_account(Names(found["stem"]).account("scheduler", found["project"]))


def prepared(**more: object) -> Settings:
    """The settings of a project for which an operator has made everything: bucket, accounts, roles, topics."""
    from toolkit.adapters.gcp.operator.bootstrap import open_operator

    found = settings(bucket=f"bucket-{uuid4().hex[:12]}", **more)
    operator = open_operator(found, {"managed-by": "toolkit", "project": found["prefix"], "target": "test"})
    for action in operator.plan().changes:
        operator.carry_out(action)
    return found


@contextmanager
def acting(account: str) -> Iterator[None]:
    """All that is opened inside calls as this service account."""
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials

    api, path = client.Api("iamcredentials.googleapis.com", "v1", address()), f"projects/-/serviceAccounts/{account}"
    scope = {"scope": list(client.SCOPES)}
    token = api.call("be another", "POST", f"{path}:generateAccessToken", scope)["accessToken"]
    own = AuthorizedSession(Credentials(token=token))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "session", lambda endpoint="": own)
        client.storage.cache_clear()
        try:
            yield
        finally:
            client.storage.cache_clear()
