"""What Cloud Storage tells of an object that was written, by any of its ways. Standard library.

    Pub/Sub push         {"message": {"attributes": {"eventType": "OBJECT_FINALIZE", ...}}, "subscription": ...}
    a CloudEvent whole   {"specversion": "1.0", "type": "google.cloud.storage.object.v1.finalized", "data": {...}}
    a CloudEvent's body  {"kind": "storage#object", ...}, whose attributes are in headers (Eventarc)

A generation is another one for every write, so it names the content: the same event twice, late or out of order is the
same `NewData`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from toolkit.domain.newdata import NewData

FINALIZED = "google.cloud.storage.object.v1.finalized"
_NOTICE = "OBJECT_FINALIZE"


def new_data(event: Mapping[str, Any]) -> tuple[NewData, ...] | None:
    """The objects that an event is about; () for one about nothing new (a deletion); None: not of Cloud Storage."""
    if "message" in event and "subscription" in event:
        return _from_message(event["message"])
    if "specversion" in event and str(event.get("type", "")).startswith("google.cloud.storage.object.v1."):
        return (_data(_payload(event)),) if event["type"] == FINALIZED else ()
    return (_data(event),) if event.get("kind") == "storage#object" else None


def _from_message(message: Mapping[str, Any]) -> tuple[NewData, ...] | None:
    told = message.get("attributes") or {}
    if "eventType" not in told or "bucketId" not in told:
        return None
    if told["eventType"] != _NOTICE:
        return ()
    uri = f"gs://{told['bucketId']}/{told['objectId']}"
    return (NewData(uri=uri, version=_generation(told["objectGeneration"]), time=str(told.get("eventTime", ""))),)


def _payload(event: Mapping[str, Any]) -> Mapping[str, Any]:
    found = json.loads(base64.b64decode(event["data_base64"])) if "data_base64" in event else event["data"]
    if not isinstance(found, Mapping):
        raise TypeError("a CloudEvent of Cloud Storage has an object as its data")
    return found


def _data(written: Mapping[str, Any]) -> NewData:
    when = str(written.get("timeCreated") or written.get("updated") or "")
    uri = f"gs://{written['bucket']}/{written['name']}"
    return NewData(uri=uri, version=_generation(written["generation"]), time=when)


def _generation(value: Any) -> str:
    return str(int(value))
