"""What Event Grid tells of a blob that was written, as a CloudEvent or in its own schema. Standard library.

A blob's etag is another one for every write, so it names the content: the same event twice, late or out of order is the
same `NewData`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from toolkit.domain.newdata import NewData

CREATED = "Microsoft.Storage.BlobCreated"
_OURS = "Microsoft.Storage."
_SOURCE = re.compile(
    r"/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/Microsoft\.Storage/storageAccounts/([^/]+)"
)
_SUBJECT = re.compile(r"/blobServices/default/containers/([^/]+)/blobs/(.+)")


def new_data(event: Mapping[str, Any]) -> tuple[NewData, ...] | None:
    """The blobs that an event is about; () for one about nothing new (a deletion); None: not of Blob Storage."""
    kind = str(event.get("type") or event.get("eventType") or "")
    source = _SOURCE.fullmatch(str(event.get("source") or event.get("topic") or ""))
    if not kind.startswith(_OURS) or not source:
        return None
    if kind != CREATED:
        return ()
    subject = _SUBJECT.fullmatch(event["subject"])
    if not subject:
        raise ValueError(f"the subject {event['subject']!r} of a BlobCreated names no blob")
    uri = f"az://{source[1]}/{subject[1]}/{subject[2]}"
    time = str(event.get("time") or event.get("eventTime") or "")
    return (NewData(uri=uri, version=str(event["data"]["eTag"]).strip('"'), time=time),)
