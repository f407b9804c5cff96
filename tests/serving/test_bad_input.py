"""The table of bad requests with the answer promised for each; after every one the worker answers a good one."""

from __future__ import annotations

import gzip
import zlib
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.serving.endpoints import ROW, Client
from toolkit.serving.app import App

JSON = {"content-type": "application/json"}
GOOD = msgspec.json.encode({"records": [ROW]})


class Bad(NamedTuple):
    """A request and what comes back: status, the problem's kind, and a piece of its detail."""

    status: int
    kind: str
    says: str
    body: Any = GOOD
    headers: dict[str, str] = JSON
    method: str = "POST"
    path: str = "/predict"


def row(**changes: Any) -> bytes:
    return msgspec.json.encode({"records": [{**ROW, **changes}]})


def without(name: str) -> bytes:
    return msgspec.json.encode({"records": [{k: v for k, v in ROW.items() if k != name}]})


def raw(field: str, text: str) -> bytes:
    """ROW with one value written as is, which an encoder would not write."""
    return row(**{field: "@@"}).replace(b'"@@"', text.encode())


def packed(data: bytes) -> bytes:
    return gzip.compress(data)


INVALID, MALFORMED = (422, "invalid-input"), (400, "malformed-json")
ZIPPED = {**JSON, "content-encoding": "gzip"}
FEEDBACK = "/feedback"

TABLE: dict[str, Bad] = {
    # one value of a record
    "text for a number": Bad(*INVALID, "row 0, field 'delay': expected a number, got text '1.5'", row(delay="1.5")),
    "true for a number": Bad(*INVALID, "got true", row(delay=True)),
    "list for a number": Bad(*INVALID, "got a list", row(delay=[1.0])),
    "object for a number": Bad(*INVALID, "got an object", row(delay={"a": 1})),
    "NaN": Bad(*INVALID, "field 'delay': NaN is not a finite number; send null", raw("delay", "NaN")),
    "Infinity": Bad(*INVALID, "Infinity is not a finite number", raw("delay", "Infinity")),
    "-Infinity": Bad(*INVALID, "-Infinity is not a finite number", raw("delay", "-Infinity")),
    "number past any range": Bad(*INVALID, "is not a finite number", raw("delay", "1e999")),
    "number of 400 digits": Bad(*INVALID, "is not a finite number", raw("delay", "9" * 400)),
    "number of 5000 digits": Bad(*MALFORMED, "not JSON", raw("delay", "9" * 5000)),
    "fraction for a whole number": Bad(*INVALID, "expected a whole number, got 1.5", row(distance=1.5)),
    "whole number of 65 bits": Bad(*INVALID, "outside the range of 64-bit", row(distance=2**64)),
    "whole number past int64": Bad(*INVALID, "outside the range of 64-bit", row(distance=2**63)),
    "whole number below int64": Bad(*INVALID, "outside the range of 64-bit", row(distance=-(2**63) - 1)),
    "NaN for a whole number": Bad(*INVALID, "NaN", raw("distance", "NaN")),
    "1e400 for a whole number": Bad(*INVALID, "finite", raw("distance", "1e400")),
    "text for a whole number": Bad(*INVALID, "expected a whole number, got text '5'", row(distance="5")),
    "false for a whole number": Bad(*INVALID, "got false", row(distance=False)),
    "1 for a bool": Bad(*INVALID, "expected true or false, got the number 1", row(rain=1)),
    "text for a bool": Bad(*INVALID, "expected true or false", row(rain="true")),
    "number for text": Bad(*INVALID, "field 'origin': expected text, got the number 7", row(origin=7)),
    "bool for text": Bad(*INVALID, "expected text, got true", row(origin=True)),
    "list for text": Bad(*INVALID, "expected text, got a list", row(origin=["JFK"])),
    "half a surrogate pair": Bad(*INVALID, "not valid Unicode", raw("origin", '"\\ud800"')),
    "word for a time": Bad(*INVALID, "expected RFC 3339", row(hour="noon")),
    "empty text for a time": Bad(*INVALID, "expected RFC 3339", row(hour="")),
    "number for a time": Bad(*INVALID, "expected a time", row(hour=1372680000)),
    "30 February": Bad(*INVALID, "expected RFC 3339", row(day="2013-02-30")),
    "hour 25": Bad(*INVALID, "expected RFC 3339", row(hour="2013-07-01T25:00:00Z")),
    "month 13": Bad(*INVALID, "expected RFC 3339", row(day="2013-13-01")),
    "date without hyphens": Bad(*INVALID, "expected RFC 3339", row(day="20130701")),
    "time carried past year 9999": Bad(*INVALID, "expected RFC 3339", row(hour="9999-12-31T23:59:59-23:00")),
    "null where none may be": Bad(*INVALID, "field 'distance': may not be null", row(distance=None)),
    "null text where none may be": Bad(*INVALID, "field 'origin': may not be null", row(origin=None)),
    # fields of a record
    "missing field": Bad(*INVALID, "field 'distance': is missing; expected a whole number", without("distance")),
    "unknown field": Bad(*INVALID, "unknown field; did you mean 'distance'?", row(distence=1)),
    "unknown field, nothing near": Bad(*INVALID, "field 'zzzzzz': unknown field", row(zzzzzz=1)),
    "field name in another case": Bad(*INVALID, "did you mean 'delay'?", row(Delay=1)),
    "field name that is no Unicode": Bad(*INVALID, "unknown field", row(x=1).replace(b'"x"', b'"\\ud800"')),
    "field name of a kilobyte": Bad(*INVALID, "unknown field", row(**{"x" * 1000: 1})),
    "empty field name": Bad(*INVALID, "unknown field", row(**{"": 1})),
    "prototype pollution": Bad(*INVALID, "unknown field", row(__proto__={"a": 1})),
    # records
    "record that is a list": Bad(*INVALID, "row 0: expected an object", b'{"records": [[1, 2]]}'),
    "record that is a number": Bad(*INVALID, "row 1: expected an object", b"[" + msgspec.json.encode(ROW) + b", 5]"),
    "record that is null": Bad(*INVALID, "row 0: expected an object", b'{"records": [null]}'),
    "empty record": Bad(*INVALID, "is missing", b'{"records": [{}]}'),
    "empty object": Bad(*INVALID, "is missing", b"{}"),
    "no records": Bad(*INVALID, "no rows", b'{"records": []}'),
    "no instances": Bad(*INVALID, "no rows", b'{"instances": []}'),
    "empty list": Bad(*INVALID, "no rows", b"[]"),
    "records that are null": Bad(*INVALID, "expected a list of records", b'{"records": null}'),
    "records that are an object": Bad(*INVALID, "expected a list of records", b'{"records": {}}'),
    "something beside records": Bad(*INVALID, "unknown field beside 'records'", GOOD[:-1] + b', "x": 1}'),
    "records and instances": Bad(*INVALID, "unknown field beside", GOOD[:-1] + b', "instances": []}'),
    "too many records": Bad(413, "too-many-rows", "51 rows", msgspec.json.encode([ROW] * 51)),
    "too many empty records": Bad(413, "too-many-rows", "5000 rows", b"[" + b"{}," * 4999 + b"{}]"),
    # columns
    "columns that are a list": Bad(*INVALID, "expected an object of lists", b'{"columns": []}'),
    "no columns": Bad(*INVALID, "is missing", b'{"columns": {}}'),
    "a column that is a number": Bad(*INVALID, "expected a list of values", b'{"columns": {"delay": 1}}'),
    "columns of unequal length": Bad(*INVALID, "has 1 values", b'{"columns": {"delay": [1], "distance": [1, 2]}}'),
    "unknown column": Bad(*INVALID, "unknown field", b'{"columns": {"zzzz": [1]}}'),
    "empty columns": Bad(*INVALID, "no rows", msgspec.json.encode({"columns": {name: [] for name in ROW}})),
    "too many rows in columns": Bad(
        413, "too-many-rows", "51 rows", msgspec.json.encode({"columns": {n: [v] * 51 for n, v in ROW.items()}})
    ),
    # JSON
    "empty body": Bad(400, "empty-body", "the body is empty", b""),
    "blank body": Bad(400, "empty-body", "the body is empty", b" \n\t "),
    "cut off": Bad(*MALFORMED, "not JSON", GOOD[:-5]),
    "text after the end": Bad(*MALFORMED, "not JSON", GOOD + b"x"),
    "two documents": Bad(*MALFORMED, "not JSON", GOOD + GOOD),
    "single quotes": Bad(*MALFORMED, "not JSON", b"{'records': []}"),
    "trailing comma": Bad(*MALFORMED, "not JSON", b'{"records": [],}'),
    "a comment": Bad(*MALFORMED, "not JSON", b'{"records": [] /* x */}'),
    "a form": Bad(*MALFORMED, "not JSON", b"delay=1&distance=2"),
    "a number": Bad(*INVALID, "expected", b"5"),
    "a string": Bad(*INVALID, "expected", b'"records"'),
    "null": Bad(*INVALID, "expected", b"null"),
    "true": Bad(*INVALID, "expected", b"true"),
    "leading zeros": Bad(*MALFORMED, "not JSON", raw("distance", "007")),
    "hexadecimal": Bad(*MALFORMED, "not JSON", raw("distance", "0x10")),
    "tab inside a string": Bad(*MALFORMED, "not JSON", raw("origin", '"a\tb"')),
    "deep lists": Bad(*MALFORMED, "nested too deeply", b"[" * 9_000 + b"]" * 9_000),
    "deep objects": Bad(*MALFORMED, "nested too deeply", b'{"a":' * 3_000 + b"1" + b"}" * 3_000),
    "deep value of a field": Bad(*MALFORMED, "nested too deeply", raw("delay", "[" * 5_000 + "]" * 5_000)),
    "nested, not too deep to read": Bad(*INVALID, "got a list", raw("delay", "[" * 500 + "]" * 500)),
    "not UTF-8": Bad(400, "bad-encoding", "not UTF-8", GOOD.replace(b"JFK", b"J\xffK")),
    "UTF-16": Bad(400, "bad-encoding", "not UTF-8", GOOD.decode().encode("utf-16")),
    "byte order mark": Bad(*MALFORMED, "not JSON", b"\xef\xbb\xbf" + GOOD),
    "a null byte": Bad(*MALFORMED, "not JSON", b"\x00"),
    "a pickle": Bad(400, "bad-encoding", "not UTF-8", b"\x80\x04\x95cposix\nsystem\n"),
    # size and encoding
    "too large, said so": Bad(413, "body-too-large", "20000 bytes", b"x", {**JSON, "content-length": "99999999"}),
    "too large, said absurdly": Bad(413, "body-too-large", "20000", b"x", {**JSON, "content-length": "9" * 5000}),
    "too large, not said": Bad(413, "body-too-large", "20000 bytes", b"[" + b" " * 20_000 + b"]"),
    "too large in pieces": Bad(413, "body-too-large", "20000 bytes", [b" " * 1_000] * 100),
    "gzip that is not": Bad(400, "bad-gzip", "not gzip", GOOD, ZIPPED),
    "gzip cut off": Bad(400, "bad-gzip", "cut off", packed(GOOD)[:-9], ZIPPED),
    "gzip with a wrong sum": Bad(400, "bad-gzip", "not gzip", packed(GOOD)[:-8] + b"\x00" * 8, ZIPPED),
    "gzip with a tail": Bad(400, "bad-gzip", "data follows", packed(GOOD) + b"x", ZIPPED),
    "two gzips": Bad(400, "bad-gzip", "data follows", packed(GOOD) + packed(GOOD), ZIPPED),
    "gzip bomb": Bad(413, "body-too-large", "20000 bytes", packed(b" " * 10_000_000), ZIPPED),
    "gzip of nothing": Bad(400, "empty-body", "empty", packed(b""), ZIPPED),
    "zlib said to be gzip": Bad(400, "bad-gzip", "not gzip", zlib.compress(GOOD), ZIPPED),
    "brotli": Bad(415, "content-encoding", "'br' is not taken", GOOD, {**JSON, "content-encoding": "br"}),
    "gzip twice": Bad(415, "content-encoding", "not taken", GOOD, {**JSON, "content-encoding": "gzip, gzip"}),
    # content type
    "XML": Bad(415, "content-type", "'text/xml' is not taken", GOOD, {"content-type": "text/xml"}),
    "plain text": Bad(415, "content-type", "not taken", GOOD, {"content-type": "text/plain"}),
    "form type": Bad(415, "content-type", "not taken", GOOD, {"content-type": "application/x-www-form-urlencoded"}),
    "a pickle's type": Bad(415, "content-type", "not taken", GOOD, {"content-type": "application/x-python-pickle"}),
    "Latin-1": Bad(415, "content-type", "not taken", GOOD, {"content-type": "application/json; charset=latin-1"}),
    "empty content type": Bad(415, "content-type", "not taken", GOOD, {"content-type": ""}),
    # routes
    "no such path": Bad(404, "not-found", "no such path: '/predictions'", path="/predictions"),
    "path with a trailing slash": Bad(404, "not-found", "'/predict/'", path="/predict/"),
    "path out of the tree": Bad(404, "not-found", "no such path", path="/../../etc/passwd", method="GET"),
    "path that is no Unicode": Bad(404, "not-found", "no such path", path="/\udcff", method="GET"),
    "path of 10 kB": Bad(404, "not-found", "no such path", path="/" + "a" * 10_000, method="GET"),
    "GET predict": Bad(405, "method", "takes POST", method="GET"),
    "DELETE predict": Bad(405, "method", "takes POST", method="DELETE"),
    "OPTIONS predict": Bad(405, "method", "takes POST", method="OPTIONS"),
    "POST health": Bad(405, "method", "takes GET, HEAD", path="/healthz"),
    "POST docs": Bad(405, "method", "takes GET, HEAD", path="/docs"),
    "method of no one": Bad(405, "method", "takes POST", method="BREW"),
    # labels, of an endpoint with no store
    "feedback without a store": Bad(501, "no-store", "keeps no labels", b"{}", path=FEEDBACK),
}


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 100


@pytest.mark.parametrize("name", TABLE)
def test_bad_input_has_its_answer_and_the_worker_lives(client: Client, app: App, name: str) -> None:
    bad = TABLE[name]
    reply = client.request(bad.method, bad.path, bad.body, bad.headers)
    document = reply.json()
    assert (reply.status, document["type"]) == (bad.status, f"urn:toolkit:problem:{bad.kind}"), document
    assert bad.says in document["detail"]
    assert document["status"] == bad.status
    assert document["request_id"] == reply.headers["x-request-id"]
    assert reply.headers["content-type"] == "application/problem+json"
    assert len(reply.content) < 5_000
    assert app.measures.problems[bad.kind] == 1
    if bad.status == 422:
        assert all(finding["message"] for finding in document["errors"])
    assert client.request("POST", "/predict", GOOD, JSON).status == 200


FINE: dict[str, Any] = {
    "number past float32": row(delay=1e300),
    "largest whole number": row(distance=2**63 - 1),
    "whole number written as a float": row(distance=500.0),
    "whole number where a fraction may be": row(delay=3),
    "unseen category": row(**{"carrier code": "never seen"}),
    "outside the range of training": row(delay=1e6),
    "empty text": row(origin=""),
    "null byte in text": row(origin="J\x00K"),
    "text beyond the basic plane": row(origin="😀" * 100),
    "escaped surrogate pair": raw("origin", '"\\ud83d\\ude00"'),
    "every null there may be": row(**dict.fromkeys(("delay", "rain", "carrier code", "hour"))),
    "fields left out": msgspec.json.encode([{k: ROW[k] for k in ("distance", "origin", "day")}]),
    "date for a time": row(hour="2013-07-01"),
    "time for a date": row(day="2013-07-01T10:00:00+02:00"),
    "a key twice": GOOD.replace(b'"origin":"JFK"', b'"origin":"EWR","origin":"JFK"'),
    "minus zero": raw("delay", "-0.0"),
    "white space": b"\r\n\t " + GOOD + b" \n",
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_unusual_and_fine(client: Client, name: str) -> None:
    reply = client.request("POST", "/predict", FINE[name], JSON)
    assert reply.status == 200, reply.content
    assert reply.json()["predictions"][0]["label"] in {"late", "on time"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": 'APPLICATION/JSON; Charset="UTF-8"'},
        {"content-type": "application/vnd.api+json"},
        {"content-encoding": "identity", "content-length": "not a number"},
    ],
)
def test_headers_that_are_fine(client: Client, headers: dict[str, str]) -> None:
    assert client.request("POST", "/predict", GOOD, headers).status == 200


def test_gzip_is_unpacked(client: Client) -> None:
    assert client.request("POST", "/predict", packed(GOOD), ZIPPED).status == 200
