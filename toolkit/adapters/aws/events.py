"""What S3 tells of an object that was written: by itself (a notification) or through EventBridge. Standard library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from toolkit.domain.newdata import NewData


def new_data(event: Mapping[str, Any]) -> tuple[NewData, ...] | None:
    """The objects that an event is about; () for one about nothing new (a test, a deletion); None: not of S3."""
    if event.get("Service") == "Amazon S3" and event.get("Event") == "s3:TestEvent":
        return ()
    if event.get("source") == "aws.s3":
        return _from_eventbridge(event)
    records = event.get("Records")
    if not isinstance(records, list) or not records or any(r.get("eventSource") != "aws:s3" for r in records):
        return None
    return tuple(_record(record) for record in records if record["eventName"].startswith("ObjectCreated:"))


def _record(record: Mapping[str, Any]) -> NewData:
    """Keys come as in a form: a space is a plus sign."""
    bucket, written = record["s3"]["bucket"]["name"], record["s3"]["object"]
    return _data(bucket, unquote_plus(written["key"]), written.get("versionId"), written, record.get("eventTime", ""))


def _from_eventbridge(event: Mapping[str, Any]) -> tuple[NewData, ...]:
    if event.get("detail-type") != "Object Created":
        return ()
    bucket, written = event["detail"]["bucket"]["name"], event["detail"]["object"]
    return (_data(bucket, written["key"], written.get("version-id"), written, str(event.get("time", ""))),)


def _data(bucket: str, key: str, version: str | None, written: Mapping[str, Any], time: str) -> NewData:
    """A bucket without versions names the content by its ETag, as its hash does."""
    etag = written.get("eTag") or written.get("etag") or ""
    return NewData(uri=f"s3://{bucket}/{key}", version=version or etag, time=time)
