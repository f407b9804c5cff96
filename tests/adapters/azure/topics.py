"""A topic of Event Grid with a webhook behind it, as an operator makes them."""

from __future__ import annotations

import json
from typing import Any

from tests.support import until
from toolkit.adapters.azure.client import Arm
from toolkit.execution.http_messages import Request, Response
from toolkit.execution.http_server import HttpServer
from toolkit.ports import Settings

VERSION = "2025-02-15"
KIND = "Microsoft.EventGrid/topics"


class Topic:
    """`settings["topics"]` names one topic; it is made, and what it hands on is kept here."""

    def __init__(self, settings: Settings) -> None:
        (self.endpoint,) = settings["topics"]
        self._events: list[dict[str, Any]] = []
        self._server = HttpServer(0, self._answer)
        self._server.start()
        arm = Arm(settings)
        path = arm.path(KIND, self.endpoint.removeprefix("https://").partition(".")[0])
        body = {"location": arm.location, "properties": {"inputSchema": "CloudEventSchemaV1_0"}}
        arm.change("make the topic", "PUT", path, VERSION, body)
        url = f"http://127.0.0.1:{self._server.port}/hook"
        destination = {"endpointType": "WebHook", "properties": {"endpointUrl": url}}
        properties = {"destination": destination, "eventDeliverySchema": "CloudEventSchemaV1_0"}
        arm.change("subscribe", "PUT", f"{path}/eventSubscriptions/hook", VERSION, {"properties": properties})

    def events(self, count: int = 0) -> list[dict[str, Any]]:
        """What came, when at least `count` have."""
        until(lambda: len(self._events) >= count)
        return list(self._events)

    def close(self) -> None:
        self._server.close()

    def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(200, (("WebHook-Allowed-Origin", request.header("webhook-request-origin")),))
        self._events.append(json.loads(request.body))
        return Response(200)
