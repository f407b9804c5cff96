"""How each kind of thing is read, made and changed by REST, and never deleted.

`read` gives back the body in the words of `things`, as far as a thing says something, so that what is there and what
should be are compared as they stand; None: there is none. What Google adds or somebody else set is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote

from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.operator.policies import Policy
from toolkit.adapters.gcp.operator.things import Thing
from toolkit.adapters.gcp.storage_api import StorageApi
from toolkit.domain.errors import AlreadyExists, NotFound, ProviderError, Unavailable
from toolkit.ports import Settings

Body = dict[str, Any]
READY_SECONDS = 300.0


class Maker(Protocol):
    def read(self, thing: Thing) -> Body | None: ...

    def create(self, thing: Thing) -> None: ...

    def update(self, thing: Thing, seen: Body) -> None: ...


def makers(settings: Settings, own: str) -> dict[str, Maker]:
    """Kind -> its maker. `own` is what the names of the target's custom roles begin with."""

    def api(host: str, version: str) -> Api:
        return Api(f"{host}.googleapis.com", version, settings["services_endpoint"])

    storage, iam = StorageApi(settings["endpoint"]), api("iam", "v1")
    pubsub, registry = api("pubsub", "v1"), api("artifactregistry", "v1")
    poll = 0.02 if settings["services_endpoint"] else 1.0  # an emulator on this machine has no quota of questions
    return {
        "apis": Apis(api("serviceusage", "v1"), poll),
        "bucket": Bucket(storage, settings["project"]),
        "account": Plain(iam, "serviceAccounts", _account, wrap="serviceAccount"),
        "role": Plain(iam, "roles", lambda thing: {"roleId": _last(thing), "role": thing.body}),
        "repository": Operated(registry, "repositories", "repositoryId", poll),
        "topic": Topic(pubsub),
        "queue": Queue(api("cloudtasks", "v2")),
        "pool": Operated(iam, "workloadIdentityPools", "workloadIdentityPoolId", poll),
        "pool provider": Operated(iam, "providers", "workloadIdentityPoolProviderId", poll),
        "policy of project": Policy(api("cloudresourcemanager", "v3"), own, posts=True),
        "policy of bucket": Policy(storage, own, bucket=True),
        "policy of repository": Policy(registry, own),
        "policy of alerts": Policy(pubsub, own),
        "policy of data": Policy(pubsub, own),
        "policy of account": Policy(iam, own, posts=True),
    }


class Apis:
    def __init__(self, api: Api, poll: float) -> None:
        self._api, self._poll = api, poll

    def read(self, thing: Thing) -> Body | None:
        names = [f"{thing.name}/services/{one}" for one in thing.body["serviceIds"]]
        found = self._api.get("see which APIs are enabled", f"{thing.name}/services:batchGet", names=names)
        on = {one["name"].rpartition("/")[2] for one in found.get("services", ()) if one.get("state") == "ENABLED"}
        return {"serviceIds": [one for one in thing.body["serviceIds"] if one in on]}

    def create(self, thing: Thing) -> None:
        path = f"{thing.name}/services:batchEnable"
        wait(self._api, self._api.call("enable the APIs", "POST", path, thing.body), self._poll)

    def update(self, thing: Thing, seen: Body) -> None:
        self.create(thing)


class Bucket:
    def __init__(self, api: StorageApi, project: str) -> None:
        self._api, self._project = api, project

    def read(self, thing: Thing) -> Body | None:
        try:
            seen = self._api.get(f"look at bucket {thing.name}", f"b/{quote(thing.name)}")
        except NotFound:
            return None
        seen["location"] = str(seen["location"]).lower()
        return said(seen, thing.body)

    def create(self, thing: Thing) -> None:
        body, query = {"name": thing.name, **thing.body}, {"project": self._project}
        self._api.call(f"make bucket {thing.name}", "POST", "b", body, query)

    def update(self, thing: Thing, seen: Body) -> None:
        """Where it lies cannot be changed: that is said by `differing`, and refused by Google."""
        change = {key: value for key, value in thing.body.items() if seen.get(key) != value}
        self._api.call(f"change bucket {thing.name}", "PATCH", f"b/{quote(thing.name)}", change)


class Plain:
    """What is made at once: a POST to the collection, a PATCH with the fields that differ."""

    def __init__(self, api: Api, collection: str, made: Callable[[Thing], Body], *, wrap: str = "") -> None:
        self._api, self._collection, self._made, self._wrap = api, collection, made, wrap

    def read(self, thing: Thing) -> Body | None:
        try:
            return said(self._api.get(f"look at {thing.kind} {_last(thing)}", thing.name), thing.body)
        except NotFound:
            return None

    def create(self, thing: Thing) -> None:
        parent = thing.name.rpartition(f"/{self._collection}/")[0]
        what = f"make {thing.kind} {_last(thing)}"
        self._api.call(what, "POST", f"{parent}/{self._collection}", self._made(thing))

    def update(self, thing: Thing, seen: Body) -> None:
        self._change(thing, seen)

    def _change(self, thing: Thing, seen: Body) -> Body:
        change = {key: value for key, value in thing.body.items() if seen.get(key) != value}
        mask, what = ",".join(sorted(change)), f"change {thing.kind} {_last(thing)}"
        if "labels" in change:  # a map is replaced as a whole: labels of others stay
            change["labels"] = {**self._api.get(what, thing.name).get("labels", {}), **change["labels"]}
        if self._wrap:
            return self._api.call(what, "PATCH", thing.name, {self._wrap: change, "updateMask": mask})
        return self._api.call(what, "PATCH", thing.name, change, {"updateMask": mask})


class Operated(Plain):
    """What is made by a long-running operation."""

    def __init__(self, api: Api, collection: str, key: str, poll: float) -> None:
        super().__init__(api, collection, lambda thing: thing.body)
        self._key, self._poll = key, poll

    def create(self, thing: Thing) -> None:
        parent = thing.name.rpartition(f"/{self._collection}/")[0]
        what, path = f"make {thing.kind} {_last(thing)}", f"{parent}/{self._collection}"
        wait(self._api, self._api.call(what, "POST", path, thing.body, {self._key: _last(thing)}), self._poll)

    def update(self, thing: Thing, seen: Body) -> None:
        answer = self._change(thing, seen)
        if "/operations/" in str(answer.get("name", "")):  # a repository is changed at once
            wait(self._api, answer, self._poll)


class Topic(Plain):
    def __init__(self, api: Api) -> None:
        super().__init__(api, "topics", lambda thing: thing.body, wrap="topic")

    def create(self, thing: Thing) -> None:
        self._api.call(f"make topic {_last(thing)}", "PUT", thing.name, thing.body)


class Queue(Plain):
    def __init__(self, api: Api) -> None:
        super().__init__(api, "queues", lambda thing: {"name": thing.name, **thing.body})

    def create(self, thing: Thing) -> None:
        try:
            super().create(thing)
        except AlreadyExists:
            return


def wait(api: Api, operation: Body, poll: float) -> None:
    """Until a long-running operation is done. ProviderError says why it failed."""
    deadline = time.monotonic() + READY_SECONDS
    while not operation.get("done"):
        if time.monotonic() > deadline:
            raise Unavailable(f"{operation['name']} is not done after {READY_SECONDS:g} s", hint="run it again")
        time.sleep(poll)
        operation = api.get("wait for an operation", operation["name"])
    if error := operation.get("error"):
        raise ProviderError(
            f"{operation['name']} failed: {error.get('message', '')}", hint="run the same command again"
        )


def said(seen: Body, wanted: Body) -> Body:
    """The part of what is there that `wanted` speaks of: the same keys, all the way down; lists as they are."""
    return {key: _within(seen[key], value) for key, value in wanted.items() if key in seen}


def _within(seen: Any, wanted: Any) -> Any:
    return said(seen, wanted) if isinstance(seen, dict) and isinstance(wanted, dict) else seen


def _account(thing: Thing) -> Body:
    return {"accountId": _last(thing).partition("@")[0], "serviceAccount": thing.body}


def _last(thing: Thing) -> str:
    return thing.name.rpartition("/")[2]
