"""Cloud Storage tells a topic of what is written under a prefix; a subscription of that topic calls the function.

Not Eventarc: its triggers for Cloud Storage know buckets and no prefixes, so that every object that the toolkit itself
writes would call the function. The topic is the operator's (Cloud Storage's own account may publish to it); a
notification and a subscription, which belong together by the watch's name, are made here.

A message is delivered until the function has taken it, for a day, at least once and in no order. What the function
cannot read it puts into `deadletter/` and takes. Google numbers notifications and has no update of them: one that is
right stays, a new one is made before old ones go, so that nothing is missed and some things may be told twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.names import Names, service
from toolkit.adapters.gcp.storage_api import StorageApi
from toolkit.domain.errors import AlreadyExists, ConfigError, NotFound
from toolkit.domain.newdata import WatchSpec
from toolkit.execution.http_calls import EVENT
from toolkit.ports import Settings

STEM, WATCH, FUNCTION = "toolkit_stem", "toolkit_watch", "toolkit_function"
KEPT = "86400s"  # how long a message waits for a function that fails
PATIENCE = 600  # seconds that a function may take
RETRY = {"minimumBackoff": "10s", "maximumBackoff": "600s"}


def open_watches(settings: Settings) -> StorageWatches:
    return StorageWatches(settings)


class StorageWatches:
    def __init__(self, settings: Settings) -> None:
        for name in ("project", "region", "bucket"):
            if not settings[name]:
                raise ConfigError(f"no {name} is set on gcp", hint=f'{name} = "..." in [targets.<t>.gcp]')
        self._settings = settings
        self._names = Names(settings["stem"])
        self._project = f"projects/{settings['project']}"
        self._base = f"{settings['prefix']}/" if settings["prefix"] else ""
        self._topic = f"{self._project}/topics/{self._names.data_topic}"
        self._pubsub = Api("pubsub.googleapis.com", "v1", settings["services_endpoint"])
        self._run = Api("run.googleapis.com", "v2", settings["services_endpoint"])
        self._storage = StorageApi(settings["endpoint"])

    def put(self, spec: WatchSpec) -> None:
        if not spec.prefix:
            raise ConfigError("a watch of the whole store would be called by what the toolkit writes itself",
                              hint='data.source = "store:data/*.csv"')  # fmt: skip
        self._subscribe(spec)  # before anything is told, so that nobody misses it
        wanted = self._notification(spec)
        held = [one for one in self._notifications() if one["custom_attributes"][WATCH] == spec.name]
        right = [one["id"] for one in held if wanted.items() <= one.items()][:1]
        if not right:
            path = f"b/{quote(self._settings['bucket'])}/notificationConfigs"
            self._storage.call(f"watch gs://{self._settings['bucket']}", "POST", path, wanted)
        for one in held:
            if one["id"] not in right:
                self._remove(one["id"])

    def list(self) -> Iterator[WatchSpec]:
        found = {}
        for one in self._notifications():
            told = one["custom_attributes"]
            prefix = one.get("object_name_prefix", "").removeprefix(self._base)
            found[told[WATCH]] = WatchSpec(name=told[WATCH], prefix=prefix, function=told[FUNCTION])
        yield from (found[name] for name in sorted(found))

    def delete(self, name: str) -> None:
        for one in self._notifications():
            if one["custom_attributes"][WATCH] == name:
                self._remove(one["id"])
        with suppress(NotFound):
            self._pubsub.call(f"delete watch {name}", "DELETE", self._subscription(name))

    # Who is told

    def _subscribe(self, spec: WatchSpec) -> None:
        wanted, path = self._push(spec), self._subscription(spec.name)
        try:
            self._pubsub.call(f"watch with {spec.function}", "PUT", path, wanted)
        except AlreadyExists:
            mask = "pushConfig,ackDeadlineSeconds,messageRetentionDuration,retryPolicy,expirationPolicy,labels"
            given = {name: wanted[name] for name in mask.split(",")}
            change = {"subscription": given, "updateMask": mask}
            self._pubsub.call(f"watch with {spec.function}", "PATCH", path, change)
        except NotFound as error:
            raise ConfigError(
                f"there is no topic {self._names.data_topic} for new data", hint="toolkit bootstrap makes it"
            ) from error.__cause__

    def _push(self, spec: WatchSpec) -> dict[str, Any]:
        url = self._url(spec.function)
        account = self._settings["accounts"].get("scheduler") or self._names.account(
            "scheduler", self._settings["project"]
        )
        token = {"serviceAccountEmail": account, "audience": url}
        return {
            "topic": self._topic,
            "filter": f'attributes.{WATCH} = "{spec.name}"',
            "pushConfig": {"pushEndpoint": url + EVENT, "oidcToken": token},
            "ackDeadlineSeconds": PATIENCE,
            "messageRetentionDuration": KEPT,
            "retryPolicy": RETRY,
            "expirationPolicy": {},  # never: data may come once a year
            "labels": {"managed-by": "toolkit"},
        }

    def _url(self, function: str) -> str:
        where = f"{self._project}/locations/{self._settings['region']}/services/{service(function)}"
        try:
            found = self._run.get(f"look at function {function}", where)
        except NotFound as error:
            raise NotFound(f"function {function!r} does not exist", hint="toolkit deploy") from error.__cause__
        return str(found["uri"])

    def _subscription(self, name: str) -> str:
        return f"{self._project}/subscriptions/{self._names.watch(name)}"

    # What is told

    def _notification(self, spec: WatchSpec) -> dict[str, Any]:
        return {
            "topic": f"//pubsub.googleapis.com/{self._topic}",
            "event_types": ["OBJECT_FINALIZE"],
            "object_name_prefix": self._base + spec.prefix,
            "payload_format": "NONE",  # the attributes say it all
            "custom_attributes": {STEM: self._names.stem, WATCH: spec.name, FUNCTION: spec.function},
        }

    def _notifications(self) -> tuple[dict[str, Any], ...]:
        """Those of this target; a bucket has a hundred at most, so they come in one page."""
        bucket = self._settings["bucket"]
        found = self._storage.get(f"read the watches of gs://{bucket}", f"b/{quote(bucket)}/notificationConfigs")
        told = [{"custom_attributes": {}, **one} for one in found.get("items", ())]
        return tuple(one for one in told if one["custom_attributes"].get(STEM) == self._names.stem)

    def _remove(self, number: str) -> None:
        bucket = self._settings["bucket"]
        with suppress(NotFound):
            self._storage.call(f"unwatch gs://{bucket}", "DELETE", f"b/{quote(bucket)}/notificationConfigs/{number}")
