"""Pub/Sub's other half: subscriptions that push with an ID token, filters, policies of topics.

A message is pushed until it is taken, and every third one twice, the second time later than what came after it: at
least once, in no order, which is what Google promises.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from google.pubsub_v1 import types

from toolkit.adapters.gcp.emulator.containers import seconds
from toolkit.adapters.gcp.emulator.iam_policies import Iam
from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing
from toolkit.adapters.gcp.emulator.tasks import send
from toolkit.adapters.gcp.emulator.topics import Topics

RETRY_SECONDS = 0.2  # Google waits as long as the subscription says, and longer and longer
TWICE, LATER_SECONDS = 3, 0.3
_TERM = re.compile(r'\s*attributes\.([A-Za-z_]\w*|"[^"]+")\s*(=|!=)\s*("(?:[^"\\]|\\.)*")\s*')
_SETTABLE = {"push_config", "ack_deadline_seconds", "message_retention_duration", "retry_policy", "expiration_policy",
             "labels", "dead_letter_policy"}  # fmt: skip


class PushTopics(Topics):
    def __init__(self, identity: Identity, iam: Iam) -> None:
        super().__init__()
        self._identity, self._iam = identity, iam
        self._about: dict[str, Any] = {}  # subscription -> what it is
        self._topic_about: dict[str, Any] = {}
        self._count = itertools.count(1)
        self._stop = threading.Event()
        self._pushes = ThreadPoolExecutor(8, "push")

    def create(self, topic: Any, caller: str) -> Any:
        made = super().create(topic, caller)
        self._topic_about[topic.name] = made
        return made

    def get(self, request: Any, caller: str) -> Any:
        if request.topic not in self._topics:
            raise missing(request.topic)
        return self._topic_about[request.topic]

    def update(self, request: Any, caller: str) -> Any:
        if unknown := set(request.update_mask.paths) - {"labels", "message_storage_policy", "kms_key_name"}:
            raise invalid(f"update_mask: {sorted(unknown)[0]} cannot be set", "update_mask")
        if request.topic.name not in self._topics:
            raise missing(request.topic.name)
        kept = self._topic_about[request.topic.name]
        for path in request.update_mask.paths:
            kept.ClearField(path)
        request.update_mask.MergeMessage(request.topic, kept)
        return kept

    def publish(self, request: Any, caller: str) -> Any:
        answer = super().publish(request, caller)
        for message in request.messages:
            for name, about in list(self._about.items()):
                if about.topic == request.topic and _fits(about.filter, message.attributes):
                    self._push(name, message)
        return answer

    def subscribe(self, subscription: Any, caller: str) -> Any:
        _check(subscription)
        made = super().subscribe(subscription, caller)
        if subscription.push_config.push_endpoint:
            self._check_account(subscription)
            self._about[subscription.name] = made
        return made

    def subscription(self, request: Any, caller: str) -> Any:
        if request.subscription not in self._about:
            raise missing(request.subscription)
        return self._about[request.subscription]

    def update_subscription(self, request: Any, caller: str) -> Any:
        paths, name = set(request.update_mask.paths), request.subscription.name
        if not paths or paths - _SETTABLE:
            raise invalid(f"update_mask: {sorted(paths - _SETTABLE) or 'nothing'} cannot be set", "update_mask")
        if name not in self._about:
            raise missing(name)
        changed = types.Subscription.pb()()
        changed.CopyFrom(self._about[name])
        for path in paths:
            changed.ClearField(path)
        request.update_mask.MergeMessage(request.subscription, changed)
        _check(changed)
        self._check_account(changed)
        self._about[name] = changed
        return changed

    def unsubscribe(self, request: Any, caller: str) -> Any:
        with self._lock:
            if request.subscription not in self._subscriptions:
                raise missing(request.subscription)
            del self._subscriptions[request.subscription]
            self._about.pop(request.subscription, None)
        return {}

    def close(self) -> None:
        self._stop.set()
        self._pushes.shutdown(wait=False, cancel_futures=True)

    def _check_account(self, subscription: Any) -> None:
        account = subscription.push_config.oidc_token.service_account_email
        if account and not self._iam.exists(account):
            told = f"The service account {account} does not exist, or you may not act as it (iam.serviceAccounts.actAs)"
            raise Refused("PERMISSION_DENIED", told)

    def _push(self, name: str, message: Any) -> None:
        with suppress(RuntimeError):  # the emulator is going down
            self._pushes.submit(self._deliver, name, message)
            if next(self._count) % TWICE == 0:
                self._pushes.submit(self._deliver, name, message, LATER_SECONDS)

    def _deliver(self, name: str, message: Any, later: float = 0.0) -> None:
        self._stop.wait(later)
        begun, wait = time.monotonic(), RETRY_SECONDS
        while (about := self._about.get(name)) is not None and not self._stop.is_set():
            config = about.push_config
            told = {"Content-Type": "application/json", "User-Agent": "CloudPubSub-Google"}
            if send(self._identity, config.push_endpoint, _body(name, message), told, config.oidc_token):
                return
            if time.monotonic() - begun > seconds(about.message_retention_duration):
                return
            self._stop.wait(wait)
            wait = min(wait * 2, 5.0)


def _body(name: str, message: Any) -> bytes:
    when = message.publish_time.ToJsonString()
    told: dict[str, Any] = {"attributes": dict(message.attributes), "messageId": message.message_id}
    told |= {"message_id": message.message_id, "publishTime": when, "publish_time": when}
    if message.data:
        told["data"] = base64.b64encode(message.data).decode()
    return json.dumps({"message": told, "subscription": name}).encode()


def _check(subscription: Any) -> None:
    config = subscription.push_config
    if config.push_endpoint and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", config.push_endpoint):
        raise invalid(f"Invalid push endpoint given ({config.push_endpoint}).", "push_config.push_endpoint")
    if subscription.ack_deadline_seconds and not 10 <= subscription.ack_deadline_seconds <= 600:
        raise invalid("ack_deadline_seconds must be between 10 and 600.", "ack_deadline_seconds")
    kept = subscription.message_retention_duration
    if subscription.HasField("message_retention_duration") and not 600 <= seconds(kept) <= 31 * 86_400:
        raise invalid(
            "message_retention_duration must be between 10 minutes and 31 days.", "message_retention_duration"
        )
    if len(subscription.filter.encode()) > 256:
        raise invalid("A filter has at most 256 bytes.", "filter")
    _fits(subscription.filter, {})


def _fits(wanted: str, attributes: Any) -> bool:
    """Whether a message passes the filter. Refused where it cannot be read."""
    for term in wanted.split(" AND ") if wanted else ():
        said = _TERM.fullmatch(term)
        if not said:
            raise invalid(f"Invalid filter syntax: {term!r}", "filter")
        if (attributes.get(said[1].strip('"'), "") == json.loads(said[3])) != (said[2] == "="):
            return False
    return True
