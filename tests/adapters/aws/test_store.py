from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.adapters.aws import cloud
from toolkit.adapters.aws import store as store_module
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.store import S3Store, open_store
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    Corrupt,
    DataError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    Throttled,
    ToolkitError,
    Unauthenticated,
    Unavailable,
)
from toolkit.ports import Settings
from toolkit.ports.store import CREATE, Match, Store
from toolkit.state import commit
from toolkit.state.journal import Journal
from toolkit.testing.faultproxy import Applied, Fault, Plan, Proxy, Refused, Torn

PART = 5 * 1024**2  # the smallest that S3 takes
NOW = "2026-01-01T00:00:00.000000Z"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.retries import standard

    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)


@pytest.fixture
def settings() -> Settings:
    return cloud.bucket()


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings)


@contextmanager
def faulty(settings: Settings, plan: Plan, part: int = PART) -> Iterator[tuple[S3Store, Proxy]]:
    """The store as seen through a proxy."""
    with Proxy(settings["endpoint"], plan) as proxy:
        reads, writes = (client("s3", cloud.REGION, proxy.address, retries=retries) for retries in (True, False))
        yield S3Store(settings["bucket"], settings["prefix"], reads=reads, writes=writes, part=part), proxy


def first(method: str, *faults: Fault, part: str = "") -> Plan:
    """These faults for the first requests of that method (with `part` in their target), then none."""
    left = list(faults)
    return lambda number, verb, target: left.pop(0) if left and verb == method and part in target else None


@pytest.mark.parametrize("fault", [Applied(), Applied(503), Applied(500, "InternalError")])
def test_a_create_whose_reply_is_lost_is_sent_once_and_won(settings: Settings, store: Store, fault: Fault) -> None:
    with faulty(settings, first("PUT", fault)) as (bad, proxy):
        with pytest.raises(Unavailable):
            bad.put("a", b"mine", CREATE)
        assert proxy.count("PUT") == 1
    assert store.get("a").data == b"mine"
    with faulty(settings, first("PUT", fault)) as (bad, proxy):
        assert commit.create(bad, "b", b"mine").data == b"mine"
        assert proxy.count("PUT") == 1


def test_a_journal_through_lost_replies_has_every_operation_once(settings: Settings, store: Store) -> None:
    lost: list[Fault] = [Applied(), Applied(503), Refused(503, "SlowDown"), Applied()]
    with faulty(settings, first("PUT", *lost)) as (bad, _):
        journal = Journal(bad, "counter")
        for n in range(5):
            journal.append(f"op-{n}", lambda entries: {"n": len(entries)}, actor="me", time=NOW)
    entries = list(Journal(store, "counter").entries())
    assert [(entry.op, entry.body["n"]) for entry in entries] == [(f"op-{n}", n) for n in range(5)]


def test_a_conflict_that_did_nothing_is_tried_again(settings: Settings) -> None:
    conflict = Refused(409, "ConditionalRequestConflict")
    with faulty(settings, first("PUT", conflict, conflict)) as (bad, proxy):
        bad.put("a", b"mine", CREATE)
        assert proxy.count("PUT") == 3
        assert bad.get("a").data == b"mine"


def test_a_conflict_that_lasts_is_given_back(settings: Settings) -> None:
    with faulty(settings, lambda n, verb, target: Refused(409, "ConditionalRequestConflict")) as (bad, proxy):
        with pytest.raises(Throttled, match="ConditionalRequestConflict"):
            bad.put("a", b"mine", CREATE)
        assert proxy.count("PUT") == 6


def test_reads_are_retried_and_torn_ones_read_again(settings: Settings, store: Store) -> None:
    data = os.urandom(300_000)
    store.put("a", data)
    with faulty(settings, first("GET", Refused(503, "SlowDown"), Torn(1000), Torn(0))) as (bad, proxy):
        assert bad.get("a").data == data
        assert proxy.count("GET") == 4
    with faulty(settings, first("GET", Torn(10))) as (bad, _):
        assert bad.get_range("a", 5, 100) == data[5:105]


def test_a_download_goes_on_where_it_broke_off(settings: Settings, store: Store, tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(os.urandom(3_500_000))
    store.upload("a", source)
    with faulty(settings, first("GET", Torn(2_000_000), Torn(500_000))) as (bad, proxy):
        bad.download("a", copy)
        assert proxy.count("GET") == 3
    assert copy.read_bytes() == source.read_bytes()


def test_a_download_that_never_ends_leaves_the_file_alone(settings: Settings, store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(b"mine")
    store.put("a", b"x" * 100_000)
    with (
        faulty(settings, lambda n, verb, target: Torn(10) if verb == "GET" else None) as (bad, _),
        pytest.raises(Unavailable),
    ):
        bad.download("a", copy)
    assert copy.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_download_of_other_bytes_is_corrupt(settings: Settings, store: Store, tmp_path: Path) -> None:
    service = client("s3", cloud.REGION, settings["endpoint"])
    where = {"Bucket": settings["bucket"], "Key": f"{settings['prefix']}/a"}
    service.put_object(**where, Body=b"other", Metadata={"sha256": "0" * 64})
    with pytest.raises(Corrupt, match="SHA-256"):
        store.download("a", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(PART * 2 + 1234))
    return path


def test_a_large_file_goes_up_in_parts(settings: Settings, large: Path, tmp_path: Path) -> None:
    with faulty(settings, lambda *_: None) as (whole, proxy):
        meta = whole.upload("a", large, CREATE)
        assert proxy.count("PUT") == 3
        assert meta == whole.head("a")
        assert meta.size == large.stat().st_size
        assert whole.download("a", tmp_path / "copy") == meta
        assert (tmp_path / "copy").read_bytes() == large.read_bytes()
        with pytest.raises(AlreadyExists):
            whole.upload("a", large, CREATE)
        assert proxy.count("PUT") == 3  # nothing is sent where something is
        with pytest.raises(PreconditionFailed):
            whole.upload("a", large, Match('"another"'))
        whole.upload("a", large, Match(meta.etag))
    assert unfinished(settings) == []


def test_a_creator_who_is_late_by_a_moment_loses(settings: Settings, store: Store, large: Path) -> None:
    """The other wins while the parts go up: it is the condition on completing them that decides."""

    def plan(number: int, verb: str, target: str) -> Fault | None:
        if "partNumber=2" in target:
            store.put("a", b"theirs", CREATE)
        return None

    with faulty(settings, plan) as (whole, _), pytest.raises(AlreadyExists):
        whole.upload("a", large, CREATE)
    assert store.get("a").data == b"theirs"
    assert unfinished(settings) == []


def test_a_part_that_fails_clears_the_others_away(settings: Settings, store: Store, large: Path) -> None:
    denied = Refused(403, "AccessDenied")
    with faulty(settings, first("PUT", denied, part="partNumber=2")) as (whole, _), pytest.raises(PermissionDenied):
        whole.upload("a", large)
    assert unfinished(settings) == []
    assert list(store.list()) == []


def test_a_part_is_sent_again(settings: Settings, large: Path) -> None:
    with faulty(settings, first("PUT", Applied(), Refused(503, "SlowDown"), part="partNumber=2")) as (whole, _):
        whole.upload("a", large)
        assert whole.get("a").data == large.read_bytes()


def test_an_upload_whose_last_reply_is_lost_is_unknown_and_left(settings: Settings, store: Store, large: Path) -> None:
    plan = first("POST", Applied(), part="uploadId=")
    with faulty(settings, plan) as (whole, proxy):
        with pytest.raises(Unavailable):
            whole.upload("a", large, CREATE)
        assert proxy.count("DELETE") == 0
    assert store.head("a").size == large.stat().st_size


def test_a_file_that_changes_while_it_goes_up_is_refused(settings: Settings, store: Store, large: Path) -> None:
    def plan(number: int, verb: str, target: str) -> Fault | None:
        if "uploads" in target:
            large.write_bytes(b"x" * large.stat().st_size)
        return None

    with faulty(settings, plan) as (whole, _), pytest.raises(DataError, match="changed while"):
        whole.upload("a", large)
    assert unfinished(settings) == []
    assert list(store.list()) == []


def test_a_written_object_is_written_whatever_looking_at_it_says(settings: Settings, store: Store) -> None:
    with faulty(settings, first("HEAD", *[Refused(403, "AccessDenied")] * 9)) as (bad, _):
        meta = bad.put("a", b"mine", CREATE)
    assert meta.etag == store.head("a").etag
    assert meta.modified[:16] == store.head("a").modified[:16]


@pytest.mark.parametrize(
    ("status", "code", "kind", "hint"),
    [
        (403, "AccessDenied", PermissionDenied, "get-caller-identity"),
        (400, "ExpiredToken", Unauthenticated, "sso login"),
        (403, "InvalidAccessKeyId", Unauthenticated, "aws configure"),
        (403, "SignatureDoesNotMatch", Unauthenticated, "aws configure"),
        (403, "RequestTimeTooSkewed", Unauthenticated, "clock"),
        (400, "AuthorizationHeaderMalformed", ConfigError, "get-bucket-location"),
        (301, "PermanentRedirect", ConfigError, "get-bucket-location"),
        (404, "NoSuchBucket", ConfigError, "aws s3 mb s3://{bucket} --region eu-west-1"),
        (503, "SlowDown", Throttled, "again"),
        (503, "SomethingNew", Unavailable, "again"),
        (429, "SomethingNew", Throttled, "again"),
    ],
)
@pytest.mark.parametrize("verb", ["get", "put"])
def test_every_refusal_names_the_place_and_what_to_do(
    settings: Settings, verb: str, status: int, code: str, kind: type[ToolkitError], hint: str
) -> None:
    calls: dict[str, Callable[[S3Store], object]] = {
        "get": lambda store: store.get("some/key"),
        "put": lambda store: store.put("some/key", b"", CREATE),
    }

    def plan(number: int, method: str, target: str) -> Fault | None:
        return None if method == "HEAD" else Refused(status, code)  # HEAD: boto3 asks where the bucket is

    with faulty(settings, plan) as (bad, proxy), pytest.raises(kind) as refused:
        calls[verb](bad)
    assert f"s3://{settings['bucket']}/{settings['prefix']}/some/key" in refused.value.message
    assert cloud.REGION in refused.value.message
    assert code in refused.value.message
    assert hint.format(bucket=settings["bucket"]) in refused.value.hint
    if verb == "put":
        assert proxy.count("PUT") == (2 if status == 301 else 1)  # boto3 asks for the region, and there once more


def test_a_server_that_only_redirects_is_no_endpoint(settings: Settings) -> None:
    with faulty(settings, lambda *_: Refused(301, "Moved")) as (bad, _), pytest.raises(ConfigError) as refused:
        bad.get("a")
    assert "endpoint" in refused.value.hint


@pytest.mark.parametrize("verb", ["get", "head", "put", "list"])
def test_a_bucket_that_is_not_there_is_no_empty_bucket(verb: str) -> None:
    store = open_store(cloud.settings(bucket="no-such-bucket-here"))
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: store.get("a"),
        "head": lambda: store.head("a"),
        "put": lambda: store.put("a", b""),
        "list": lambda: list(store.list()),
    }
    with pytest.raises(ConfigError, match="no-such-bucket-here") as refused:
        calls[verb]()
    assert "aws s3 mb" in refused.value.hint


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = S3Store("bucket", "", reads=None, writes=client("s3", cloud.REGION, "http://127.0.0.1:9", retries=False))
    store._reads = store._writes
    with pytest.raises(Unavailable, match=r"s3://bucket/a .region eu-west-1.: EndpointConnectionError") as refused:
        store.get("a")
    assert "endpoint" in refused.value.hint


def test_a_store_needs_a_bucket() -> None:
    with pytest.raises(ConfigError, match="no bucket") as refused:
        store_module.open_store(cloud.settings())
    assert "[targets.<t>.aws]" in refused.value.hint


def test_the_uri_of_a_bucket_without_a_prefix() -> None:
    store = S3Store("bucket", "", reads=None, writes=None)
    assert (store.uri(), store.uri("a/b")) == ("s3://bucket", "s3://bucket/a/b")


def test_two_projects_in_a_bucket_do_not_see_each_other(settings: Settings, store: Store) -> None:
    other = open_store({**settings, "prefix": settings["prefix"] + "-2"})
    other.put("a", b"theirs")
    assert list(store.list()) == []
    with pytest.raises(NotFound):
        store.get("a")


def unfinished(settings: Settings) -> list[object]:
    service = client("s3", cloud.REGION, settings["endpoint"])
    return list(service.list_multipart_uploads(Bucket=settings["bucket"]).get("Uploads", []))
