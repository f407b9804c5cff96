"""Event Grid: topics that take CloudEvents, and subscriptions that hand them to webhooks.

A webhook is asked first whether it wants them (HTTP OPTIONS with WebHook-Request-Origin), as CloudEvents' specification
of webhooks says. Delivery is tried a few times.
"""

from __future__ import annotations

import json
import queue
import re
import threading
import time
import urllib.request
import uuid
from typing import Any
from urllib.parse import quote

from toolkit.adapters.azure.emulator.arm_room import GROUP, id_of, listed, stamp
from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.adapters.azure.emulator.refused import Refused, conflict, invalid, missing
from toolkit.adapters.azure.emulator.rest import Call, Method, Reply
from toolkit.adapters.azure.settings import EMULATED_ACCOUNT

ARM = "management.azure.com"
HOST = "{topic}.{location}-1.eventgrid.azure.net"
VERSION = "2025-02-15"
DATA_VERSION = "2018-01-01"
TOPICS = f"{GROUP}/providers/Microsoft.EventGrid/topics"
ACCOUNTS = f"{GROUP}/providers/Microsoft.Storage/storageAccounts"
ITSELF = "event-grid"  # whose tokens webhooks are called with
MOST_BYTES = 1024**2
ORIGIN = "eventgrid.azure.net"
PAUSES = (0.0, 0.1, 0.5, 2.0)
_TOPIC = re.compile(r"[A-Za-z0-9-]{3,50}")


class Grid:
    """`topics` are ARM resources by name; `subscriptions` by the id of what they are of."""

    def __init__(self, address: str, identity: Identity) -> None:
        self._address, self._identity = address, identity
        self._lock = threading.Lock()
        self.topics: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, dict[str, Any]]] = {}
        self._waiting: queue.SimpleQueue[tuple[dict[str, Any], dict[str, Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._deliver, name="event-grid", daemon=True).start()

    def methods(self) -> tuple[Method, ...]:
        from azure.eventgrid.models._models import CloudEvent  # it is sent by all, and shown by none
        from azure.mgmt.eventgrid import models

        topic, under = f"{TOPICS}/{{topic}}", f"{TOPICS}/{{topic}}/eventSubscriptions"
        blobs = f"{ACCOUNTS}/{{account}}/providers/Microsoft.EventGrid/eventSubscriptions"

        def arm(verb: str, path: str, handler: Any, body: Any = None, query: tuple[str, ...] = ()) -> Method:
            return Method(verb, ARM, path, handler, body, (VERSION,), query)

        return (
            arm("PUT", topic, self.put_topic, models.Topic),
            arm("GET", topic, self.get_topic),
            arm("DELETE", topic, self.delete_topic),
            arm("GET", TOPICS, self.list_topics, query=("$skiptoken",)),
            *(
                one
                for path in (under, blobs)
                for one in (
                    arm("PUT", f"{path}/{{name}}", self.subscribe, models.EventSubscription),
                    arm("GET", path, self.list_subscriptions, query=("$skiptoken",)),
                    arm("GET", f"{path}/{{name}}", self.get_subscription),
                    arm("DELETE", f"{path}/{{name}}", self.unsubscribe),
                )
            ),
            Method("POST", HOST, "/api/events", self.publish, list[CloudEvent], (DATA_VERSION,)),
        )

    def close(self) -> None:
        self._waiting.put(None)

    def put_topic(self, call: Call) -> Reply:
        name = call.path["topic"]
        if not _TOPIC.fullmatch(name):
            raise invalid(f"The topic name '{name}' has to be 3-50 of letters, digits and hyphens.", "InvalidRequest")
        properties = call.body.get("properties") or {}
        if properties.get("inputSchema") != "CloudEventSchemaV1_0":
            raise invalid("topics of another schema than CloudEventSchemaV1_0 are not played here", "InvalidRequest")
        host = f"{name}.{call.body['location']}-1.eventgrid.azure.net"
        made = {
            **call.body,
            "id": id_of(call, "Microsoft.EventGrid/topics", name), "name": name, "type": "Microsoft.EventGrid/topics",
            "properties": {
                **properties, "endpoint": f"https://{host}/api/events", "provisioningState": "Succeeded",
            },
        }  # fmt: skip
        with self._lock:
            self.topics[name] = made
        return Reply(made, 201)

    def get_topic(self, call: Call) -> Reply:
        return Reply(self._topic(call.path["topic"]))

    def delete_topic(self, call: Call) -> Reply:
        with self._lock:
            found = self.topics.pop(call.path["topic"], None)
            if found:
                self.subscriptions.pop(found["id"], None)
        return Reply(None, 200 if found else 204)

    def list_topics(self, call: Call) -> Reply:
        return listed(self.topics.values(), call)

    def publish(self, call: Call) -> Reply:
        if len(call.request.body) > MOST_BYTES:
            raise Refused(413, "RequestEntityTooLarge", "The event array has more than 1 MB.")
        if not call.header("content-type").startswith("application/cloudevents-batch+json"):
            raise Refused(415, "UnsupportedMediaType", "This topic takes CloudEvents.")
        topic = self._topic(call.path["topic"])
        for event in call.body:
            if event["specversion"] != "1.0":
                raise invalid("This resource is configured to receive event in 'CloudEventV10' schema.", "BadRequest")
            self.tell(topic["id"], event)
        return Reply(None, 200)

    def tell(self, source: str, event: dict[str, Any]) -> None:
        """Hand the event to whoever subscribes to `source`."""
        with self._lock:
            found = list(self.subscriptions.get(source, {}).values())
        for one in found:
            if _wanted(one["properties"].get("filter") or {}, event):
                self._waiting.put((one, event))

    def written(self, account: str, container: str, name: str, etag: str, size: int) -> None:
        """A blob was: whoever subscribes to its account is told."""
        with self._lock:
            sources = [one for one in self.subscriptions if one.endswith(f"/storageAccounts/{account}")]
        for source in sources:
            url = f"https://{account}.blob.core.windows.net/{container}/{quote(name)}"
            data = {"api": "PutBlob", "eTag": etag, "contentLength": size, "blobType": "BlockBlob", "url": url}
            event = {
                "specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "source": source,
                "id": str(uuid.uuid4()), "time": stamp(), "data": data,
                "subject": f"/blobServices/default/containers/{container}/blobs/{name}",
            }  # fmt: skip
            self.tell(source, event)

    def subscribe(self, call: Call) -> Reply:
        source, name, properties = self._source(call), call.path["name"], call.body.get("properties") or {}
        destination = properties.get("destination") or {}
        if not 3 <= len(name) <= 64:
            raise invalid("The name of an event subscription has 3-64 characters.", "InvalidRequest")
        if destination.get("endpointType") != "WebHook" or not _url(call.body):
            raise invalid("only subscriptions of a WebHook are played here", "InvalidRequest")
        if properties.get("eventDeliverySchema") != "CloudEventSchemaV1_0":
            raise invalid("The delivery schema has to be CloudEventSchemaV1_0.", "InvalidRequest")
        self._ask(call.body)
        kind = "Microsoft.EventGrid/eventSubscriptions"
        made = {**call.body, "id": f"{source}/providers/{kind}/{name}", "name": name, "type": kind}
        made["properties"] = {**properties, "provisioningState": "Succeeded", "topic": source}
        with self._lock:
            known = name in self.subscriptions.setdefault(source, {})
            self.subscriptions[source][name] = made
        return Reply(made, 200 if known else 201)

    def list_subscriptions(self, call: Call) -> Reply:
        return listed(self.subscriptions.get(self._source(call), {}).values(), call)

    def get_subscription(self, call: Call) -> Reply:
        found = self.subscriptions.get(self._source(call), {}).get(call.path["name"])
        if not found:
            raise missing(call.path["name"])
        return Reply(found)

    def unsubscribe(self, call: Call) -> Reply:
        with self._lock:
            found = self.subscriptions.get(self._source(call), {}).pop(call.path["name"], None)
        return Reply(None, 200 if found else 204)

    def _source(self, call: Call) -> str:
        """The id of what is subscribed to."""
        if "topic" in call.path:
            return str(self._topic(call.path["topic"])["id"])
        if call.path["account"] != EMULATED_ACCOUNT:
            raise missing(f"Microsoft.Storage/storageAccounts/{call.path['account']}")
        return id_of(call, "Microsoft.Storage/storageAccounts", call.path["account"])

    def _topic(self, name: str) -> dict[str, Any]:
        found = self.topics.get(name)
        if not found:
            raise missing(f"Microsoft.EventGrid/topics/{name}")
        return found

    def _deliver(self) -> None:
        while (told := self._waiting.get()) is not None:
            subscription, event = told
            headers = {
                "Content-Type": "application/cloudevents+json; charset=utf-8",
                "aeg-subscription-name": subscription["name"],
            }
            self._until_taken(subscription, json.dumps(event).encode(), headers)

    def _until_taken(self, subscription: dict[str, Any], body: bytes, headers: dict[str, str]) -> None:
        for pause in PAUSES:
            time.sleep(pause)
            given = {**headers, **self._token(subscription)}
            request = urllib.request.Request(_url(subscription), body, given, method="POST")  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=30):  # noqa: S310
                    return
            except OSError:
                continue

    def _ask(self, subscription: dict[str, Any]) -> None:
        """Refused where the webhook does not say that it wants events."""
        url, headers = _url(subscription), {"WebHook-Request-Origin": ORIGIN, **self._token(subscription)}
        request = urllib.request.Request(url, headers=headers, method="OPTIONS")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
                allowed = reply.headers.get("WebHook-Allowed-Origin", "")
        except OSError as error:
            raise conflict(f"Webhook validation handshake failed for {url}: {error}", "Url validation") from error
        if allowed not in {"*", ORIGIN}:
            raise conflict(f"Webhook validation handshake failed for {url}: it allows {allowed!r}", "Url validation")

    def _token(self, subscription: dict[str, Any]) -> dict[str, str]:
        """Event Grid's own, where the destination names an application of Entra."""
        properties = subscription["properties"]["destination"]["properties"]
        application = properties.get("azureActiveDirectoryApplicationIdOrUri")
        return {"Authorization": f"Bearer {self._identity.give(ITSELF, application)}"} if application else {}


def _url(subscription: dict[str, Any]) -> str:
    properties = subscription["properties"]["destination"].get("properties") or {}
    return str(properties.get("endpointUrl") or "")


def _wanted(wanted: dict[str, Any], event: dict[str, Any]) -> bool:
    kinds, subject = wanted.get("includedEventTypes"), event.get("subject", "")
    begins, ends = wanted.get("subjectBeginsWith") or "", wanted.get("subjectEndsWith") or ""
    return (not kinds or event["type"] in kinds) and subject.startswith(begins) and subject.endswith(ends)
