"""Cloud Storage's notifications: kept for each bucket, told to their topic with every write in Google's own words."""

from __future__ import annotations

import itertools
import json
import re
import threading
from typing import Any
from urllib.parse import unquote

from google.pubsub_v1 import types

from toolkit.adapters.gcp.emulator.iam_policies import STORAGE_AGENT, Iam
from toolkit.adapters.gcp.emulator.notifications_push import PushTopics
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing
from toolkit.execution.http_messages import Request, Response, json_response

_TOPIC = re.compile(r"//pubsub\.googleapis\.com/(projects/[^/]+/topics/[^/]+)")
_OBJECT = re.compile(r"/storage/v1/b/([^/]+)/o/(.+)")
EVENTS = {"OBJECT_FINALIZE", "OBJECT_METADATA_UPDATE", "OBJECT_DELETE", "OBJECT_ARCHIVE"}
FIELDS = {
    "topic": str,
    "event_types": list,
    "object_name_prefix": str,
    "payload_format": str,
    "custom_attributes": dict,
}
MOST, MOST_OF_ONE_EVENT = 100, 10


class Notifications:
    def __init__(self, topics: PushTopics, iam: Iam) -> None:
        self._topics, self._iam = topics, iam
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._kept: dict[str, dict[str, dict[str, Any]]] = {}  # bucket -> id -> what it is

    def __call__(self, request: Request, bucket: str, number: str) -> Response:
        with self._lock:
            kept = self._kept.setdefault(bucket, {})
            if request.method == "POST" and not number:
                return json_response(200, self._insert(kept, json.loads(request.body)))
            if request.method == "GET" and not number:
                return json_response(200, {"kind": "storage#notifications", "items": list(kept.values())})
            if number not in kept:
                raise missing(f"notification {number}")
            if request.method == "DELETE":
                del kept[number]
                return Response(204)
            return json_response(200, kept[number])

    def look(self, request: Request, reply: Response) -> None:
        """A request to Cloud Storage was answered: whom is it told to?"""
        if reply.status not in {200, 204}:
            return
        if request.method in {"POST", "PUT"} and request.path.startswith(("/upload/", "/resumable/")):
            told = json.loads(reply.body) if reply.body.startswith(b"{") else {}
            if told.get("kind") == "storage#object":
                self._tell("OBJECT_FINALIZE", told)
        elif request.method == "DELETE" and (found := _OBJECT.fullmatch(request.path)):
            gone = {"bucket": unquote(found[1]), "name": unquote(found[2]), "generation": "1"}
            self._tell("OBJECT_DELETE", gone)

    def _tell(self, event: str, written: dict[str, Any]) -> None:
        with self._lock:
            found = list(self._kept.get(written["bucket"], {}).values())
        for one in found:
            if event in one.get("event_types", EVENTS) and written["name"].startswith(
                one.get("object_name_prefix", "")
            ):
                self._send(event, one, written)

    def _send(self, event: str, notification: dict[str, Any], written: dict[str, Any]) -> None:
        told = {
            **notification.get("custom_attributes", {}),
            "notificationConfig": f"projects/_/buckets/{written['bucket']}/notificationConfigs/{notification['id']}",
            "eventType": event, "payloadFormat": notification["payload_format"], "bucketId": written["bucket"],
            "objectId": written["name"], "objectGeneration": str(written["generation"]),
            "eventTime": str(written.get("timeCreated", "")),
        }  # fmt: skip
        data = json.dumps(written).encode() if notification["payload_format"] == "JSON_API_V1" else b""
        topic = _topic(notification)
        message = types.PubsubMessage.pb()(data=data, attributes=told)
        try:
            self._topics.publish(types.PublishRequest.pb()(topic=topic, messages=[message]), STORAGE_AGENT)
        except Refused:  # the topic is gone: Google drops it, too
            return

    def _insert(self, kept: dict[str, dict[str, Any]], given: Any) -> dict[str, Any]:
        _check(given)
        topic = _topic(given)
        if topic not in self._topics._topics:
            raise missing(topic)
        if not self._iam.allows(STORAGE_AGENT, "pubsub.topics.publish", [topic]):
            told = f"The service account '{STORAGE_AGENT}' does not have permission to publish messages to"
            raise Refused("PERMISSION_DENIED", f"{told} the Cloud Pub/Sub topic '{topic}'.")
        same = [one for one in kept.values() if set(one["event_types"]) & set(given["event_types"])]
        if len(kept) >= MOST or len(same) >= MOST_OF_ONE_EVENT:
            raise Refused("FAILED_PRECONDITION", "Too many overlapping notifications: at most 10 for an event.")
        number = str(next(self._numbers))
        kept[number] = {**given, "id": number, "kind": "storage#notification", "etag": number}
        return kept[number]


def _topic(notification: dict[str, Any]) -> str:
    said = _TOPIC.fullmatch(notification["topic"])
    if not said:
        raise invalid(f"Invalid topic {notification['topic']!r}", "topic")
    return said[1]


def _check(given: Any) -> None:
    if not isinstance(given, dict):
        raise invalid("Invalid JSON payload received. Root element must be a message.")
    for name, value in given.items():
        if name not in FIELDS or not isinstance(value, FIELDS[name]):
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}", or a value of another type.', name)
    for name in ("topic", "payload_format"):
        if not given.get(name):
            raise invalid(f"The request has errors: {name} is required.", name)
    if given["payload_format"] not in {"NONE", "JSON_API_V1"}:
        raise invalid(f"payload_format {given['payload_format']!r}", "payload_format")
    given.setdefault("event_types", sorted(EVENTS))
    if unknown := set(given["event_types"]) - EVENTS:
        raise invalid(f"event type {sorted(unknown)[0]!r}", "event_types")
    custom = given.get("custom_attributes", {})
    if len(custom) > 5 or any(len(key) > 256 or not isinstance(value, str) for key, value in custom.items()):
        raise invalid("At most 5 custom attributes, of text.", "custom_attributes")
