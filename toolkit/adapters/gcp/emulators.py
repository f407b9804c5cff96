"""Google Cloud on this machine, chosen by `emulator = "google"` in `[targets.<t>.gcp]` (see `emulator`)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.names import ROLES, Names
from toolkit.ports import Settings
from toolkit.ports.emulator import Emulator


def google(settings: Settings) -> Emulator:
    from toolkit.adapters.gcp.emulator import COMMAND

    return Emulator("google", COMMAND, _connect, prepare=_prepare, home=True)


def _connect(settings: Settings, address: str) -> dict[str, Any]:
    """Alerts go to the operator's topic unless others are named."""
    client.emulated.add(address)
    topics = settings["topics"] or [f"projects/{settings['project']}/topics/{Names(settings['stem']).topic}"]
    return {**settings, "endpoint": address, "services_endpoint": address, "topics": topics}


def _prepare(settings: Settings) -> None:
    """What an operator makes once."""
    from toolkit.domain.errors import AlreadyExists

    project, names = settings["project"], Names(settings["stem"])
    storage = client.storage(project, settings["endpoint"])
    if not storage.lookup_bucket(settings["bucket"]):
        storage.create_bucket(settings["bucket"], location=settings["region"])
    accounts = client.Api("iam.googleapis.com", "v1", settings["services_endpoint"])
    topics = client.Api("pubsub.googleapis.com", "v1", settings["services_endpoint"])
    for role in ROLES:
        account = names.account(role, project).partition("@")[0]
        with suppress(AlreadyExists):
            what = f"make the service account {account}"
            accounts.call(what, "POST", f"projects/{project}/serviceAccounts", {"accountId": account})
    for topic in settings["topics"]:
        with suppress(AlreadyExists):
            topics.call(f"make the topic {topic}", "PUT", topic, {})
