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
import urllib.error
import urllib.request
from typing import Any

from toolkit.adapters.azure.emulator.arm_room import GROUP, id_of, listed
from toolkit.adapters.azure.emulator.refused import Refused, conflict, invalid, missing
from toolkit.adapters.azure.emulator.rest import Call, Method, Reply

ARM = "management.azure.com"
HOST = "{topic}.{location}-1.eventgrid.azure.net"
VERSION = "2025-02-15"
DATA_VERSION = "2018-01-01"
TOPICS = f"{GROUP}/providers/Microsoft.EventGrid/topics"
MOST_BYTES = 1024**2
ORIGIN = "eventgrid.azure.net"
PAUSES = (0.0, 0.1, 0.5, 2.0)
_TOPIC = re.compile(r"[A-Za-z0-9-]{3,50}")


class Grid:
    """`topics` are ARM resources by name; `subscriptions` by the id of what they are of."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self.topics: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, dict[str, Any]]] = {}
        self._waiting: queue.SimpleQueue[tuple[str, dict[str, str], Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._deliver, name="event-grid", daemon=True).start()

    def methods(self) -> tuple[Method, ...]:
        from azure.eventgrid.models._models import CloudEvent  # it is sent by all, and shown by none
        from azure.mgmt.eventgrid import models

        topic, under = f"{TOPICS}/{{topic}}", f"{TOPICS}/{{topic}}/eventSubscriptions"

        def arm(verb: str, path: str, handler: Any, body: Any = None, query: tuple[str, ...] = ()) -> Method:
            return Method(verb, ARM, path, handler, body, (VERSION,), query)

        return (
            arm("PUT", topic, self.put_topic, models.Topic),
            arm("GET", topic, self.get_topic),
            arm("DELETE", topic, self.delete_topic),
            arm("GET", TOPICS, self.list_topics, query=("$skiptoken",)),
            arm("PUT", f"{under}/{{name}}", self.subscribe, models.EventSubscription),
            arm("GET", under, self.list_subscriptions, query=("$skiptoken",)),
            arm("GET", f"{under}/{{name}}", self.get_subscription),
            arm("DELETE", f"{under}/{{name}}", self.unsubscribe),
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
        return listed(self.topics.values(), call, self._address)

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
                self._waiting.put((_url(one), {"aeg-subscription-name": one["name"]}, event))

    def subscribe(self, call: Call) -> Reply:
        source, name = self._topic(call.path["topic"])["id"], call.path["name"]
        return self.subscribe_to(source, name, call.body)

    def subscribe_to(self, source: str, name: str, body: dict[str, Any]) -> Reply:
        properties = body.get("properties") or {}
        destination = properties.get("destination") or {}
        if destination.get("endpointType") != "WebHook" or not _url(body):
            raise invalid("only subscriptions of a WebHook are played here", "InvalidRequest")
        if properties.get("eventDeliverySchema") != "CloudEventSchemaV1_0":
            raise invalid("The delivery schema has to be CloudEventSchemaV1_0.", "InvalidRequest")
        _ask(_url(body))
        kind = "Microsoft.EventGrid/eventSubscriptions"
        where = f"{source}/providers/{kind}/{name}"
        made = {**body, "id": where, "name": name, "type": kind}
        made["properties"] = {**properties, "provisioningState": "Succeeded", "topic": source}
        with self._lock:
            known = name in self.subscriptions.setdefault(source, {})
            self.subscriptions[source][name] = made
        return Reply(made, 200 if known else 201)

    def list_subscriptions(self, call: Call) -> Reply:
        source = self._topic(call.path["topic"])["id"]
        return listed(self.subscriptions.get(source, {}).values(), call, self._address)

    def get_subscription(self, call: Call) -> Reply:
        found = self.subscriptions.get(self._topic(call.path["topic"])["id"], {}).get(call.path["name"])
        if not found:
            raise missing(call.path["name"])
        return Reply(found)

    def unsubscribe(self, call: Call) -> Reply:
        source = self._topic(call.path["topic"])["id"]
        with self._lock:
            found = self.subscriptions.get(source, {}).pop(call.path["name"], None)
        return Reply(None, 200 if found else 204)

    def _topic(self, name: str) -> dict[str, Any]:
        found = self.topics.get(name)
        if not found:
            raise missing(f"Microsoft.EventGrid/topics/{name}")
        return found

    def _deliver(self) -> None:
        while (told := self._waiting.get()) is not None:
            url, headers, event = told
            kind = {"Content-Type": "application/cloudevents+json; charset=utf-8", **headers}
            request = urllib.request.Request(url, json.dumps(event).encode(), kind, method="POST")  # noqa: S310
            for pause in PAUSES:
                time.sleep(pause)
                try:
                    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
                        break
                except OSError:
                    continue


def _url(subscription: dict[str, Any]) -> str:
    properties = subscription["properties"]["destination"].get("properties") or {}
    return str(properties.get("endpointUrl") or "")


def _wanted(wanted: dict[str, Any], event: dict[str, Any]) -> bool:
    kinds, subject = wanted.get("includedEventTypes"), event.get("subject", "")
    begins, ends = wanted.get("subjectBeginsWith") or "", wanted.get("subjectEndsWith") or ""
    return (not kinds or event["type"] in kinds) and subject.startswith(begins) and subject.endswith(ends)


def _ask(url: str) -> None:
    """Refused where the webhook does not say that it wants events."""
    request = urllib.request.Request(url, headers={"WebHook-Request-Origin": ORIGIN}, method="OPTIONS")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
            allowed = reply.headers.get("WebHook-Allowed-Origin", "")
    except (OSError, urllib.error.URLError) as error:
        raise conflict(f"Webhook validation handshake failed for {url}: {error}", "Url validation") from error
    if allowed not in {"*", ORIGIN}:
        raise conflict(f"Webhook validation handshake failed for {url}: it allows {allowed!r}", "Url validation")
