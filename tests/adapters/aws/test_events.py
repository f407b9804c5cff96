"""What S3 tells, in both of its shapes, is one record; what others tell is not ours."""

from __future__ import annotations

from typing import Any

import pytest

from toolkit.adapters.aws.events import new_data
from toolkit.domain.newdata import NewData, prefixes


def notification(**written: Any) -> dict[str, Any]:
    thing = {"key": "p/data/a+b%C3%A4.csv", "size": 3, "eTag": "e1", "sequencer": "01", **written}
    return {
        "Records": [
            {
                "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                "eventTime": "2026-01-01T00:00:00.000Z",
                "s3": {"bucket": {"name": "b", "arn": "arn:aws:s3:::b"}, "object": thing},
            }
        ]
    }  # fmt: skip


def bridged(**written: Any) -> dict[str, Any]:
    thing = {"key": "p/data/a bä.csv", "size": 3, "etag": "e1", "sequencer": "01", **written}
    return {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "time": "2026-01-01T00:00:01Z",
            "detail": {"version": "0", "bucket": {"name": "b"}, "object": thing}}  # fmt: skip


def test_both_shapes_are_the_same_new_data() -> None:
    told, by_bridge = new_data(notification()), new_data(bridged())
    assert told == (NewData(uri="s3://b/p/data/a bä.csv", version="e1", time="2026-01-01T00:00:00.000Z"),)
    assert by_bridge is not None
    assert by_bridge[0].reason == told[0].reason


def test_a_version_tells_more_than_an_etag() -> None:
    told, by_bridge = new_data(notification(versionId="v1")), new_data(bridged(**{"version-id": "v1"}))
    assert told is not None
    assert by_bridge is not None
    assert told[0].version == by_bridge[0].version == "v1"


def test_about_nothing_new() -> None:
    gone = notification()
    gone["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    assert new_data(gone) == ()
    assert new_data({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}) == ()
    assert new_data({**bridged(), "detail-type": "Object Deleted"}) == ()


@pytest.mark.parametrize(
    "event",
    [
        {}, {"source": "toolkit.schedule"}, {"Records": []}, {"Records": "x"},
        {"Records": [{"EventSource": "aws:sns"}]},
        {"version": "2.0", "requestContext": {"http": {"method": "GET"}}},
    ],
)  # fmt: skip
def test_what_is_not_of_s3(event: dict[str, Any]) -> None:
    assert new_data(event) is None


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["store:data/*.csv"], ("data/",)),
        (["store:data/a.csv", "store:data/b.csv"], ("data/a.csv", "data/b.csv")),
        (["store:data/*/x.csv", "store:data/deep/*.csv", "local.csv"], ("data/",)),
        (["store:*.csv"], ("",)),
        (["data/*.csv", "file:///data"], ()),
    ],
)
def test_the_folders_of_the_store_that_data_comes_from(sources: list[str], expected: tuple[str, ...]) -> None:
    assert prefixes(sources) == expected
