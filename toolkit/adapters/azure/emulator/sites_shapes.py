"""Bodies of Azure Functions' neighbours whose models are not among the SDKs here: tags, diagnostic settings."""

from __future__ import annotations

from typing import Literal

from toolkit.adapters.azure.emulator.shapes import Field, Shape

TAGGED = Shape(
    {
        "operation": Field(Literal["Merge", "Replace", "Delete"], required=True),
        "properties": Field(Shape({"tags": Field(dict[str, str])}), required=True),
    }
)
_LOG = Shape({"category": Field(str, required=True), "enabled": Field(bool, required=True)})
_LOGS = Shape(
    {
        "workspaceId": Field(str, required=True),
        "logAnalyticsDestinationType": Field(str),
        "logs": Field(Shape(items=_LOG), required=True),
    }
)
LOGGED = Shape({"properties": Field(_LOGS, required=True)})
