"""Pub/Sub: topics, and subscriptions that are pulled. Every subscription gets every message published after it."""

from __future__ import annotations

import re
import threading
import uuid
from typing import Any

from google.pubsub_v1 import types

from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing

_NAME = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
_MESSAGE = 10 * 1024**2
_ATTRIBUTES = 100


class Topics:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._topics: set[str] = set()
        self._subscriptions: dict[str, tuple[str, dict[str, Any]]] = {}  # name -> (topic, messages by ack id)

    def create(self, topic: Any, caller: str) -> Any:
        _check(topic.name)
        with self._lock:
            if topic.name in self._topics:
                raise Refused("ALREADY_EXISTS", f"Resource already exists in the project (resource={topic.name}).")
            self._topics.add(topic.name)
        return topic

    def delete(self, request: Any, caller: str) -> Any:
        with self._lock:
            if request.topic not in self._topics:
                raise missing(request.topic)
            self._topics.discard(request.topic)
        return {}

    def publish(self, request: Any, caller: str) -> Any:
        answer = types.PublishResponse.pb()()
        for message in request.messages:
            _check_message(message)
        with self._lock:
            if request.topic not in self._topics:
                raise Refused("NOT_FOUND", f"Resource not found (resource={request.topic}).")
            for message in request.messages:
                message.message_id = uuid.uuid4().hex
                message.publish_time.GetCurrentTime()
                answer.message_ids.append(message.message_id)
                for topic, waiting in self._subscriptions.values():
                    if topic == request.topic:
                        waiting[uuid.uuid4().hex] = message
        return answer

    def subscribe(self, subscription: Any, caller: str) -> Any:
        _check(subscription.name)
        with self._lock:
            if subscription.topic not in self._topics:
                raise missing(subscription.topic)
            if subscription.name in self._subscriptions:
                raise Refused("ALREADY_EXISTS", f"Resource already exists (resource={subscription.name}).")
            self._subscriptions[subscription.name] = (subscription.topic, {})
        return subscription

    def pull(self, request: Any, caller: str) -> Any:
        answer = types.PullResponse.pb()()
        with self._lock:
            waiting = list(self._waiting(request.subscription).items())[: request.max_messages]
        for ack, message in waiting:
            answer.received_messages.add(ack_id=ack, message=message)
        return answer

    def acknowledge(self, request: Any, caller: str) -> Any:
        with self._lock:
            waiting = self._waiting(request.subscription)
            for ack in request.ack_ids:
                waiting.pop(ack, None)
        return {}

    def _waiting(self, name: str) -> dict[str, Any]:
        if name not in self._subscriptions:
            raise missing(name)
        return self._subscriptions[name][1]


def _check(name: str) -> None:
    if not _NAME.fullmatch(name.rpartition("/")[2]):
        raise invalid(f"You have passed an invalid argument to the service (argument={name}).", "name")


def _check_message(message: Any) -> None:
    if not message.data and not message.attributes:
        raise invalid("One or more messages in the publish request is empty.", "messages")
    if message.ByteSize() > _MESSAGE:
        raise invalid(f"The value for message is too large: at most {_MESSAGE} bytes.", "messages")
    longest = max((len(key.encode()) for key in message.attributes), default=0)
    largest = max((len(value.encode()) for value in message.attributes.values()), default=0)
    if len(message.attributes) > _ATTRIBUTES or longest > 256 or largest > 1024:
        raise invalid("Attributes: at most 100, keys of 256 bytes, values of 1024 bytes.", "messages.attributes")
