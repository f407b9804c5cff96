"""The trace that a request belongs to goes on, with a span of its own, and is named where something failed."""

from __future__ import annotations

import pytest

from tests.serving.endpoints import ROW, Client
from toolkit.serving import trace
from toolkit.serving.app import App

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize("path", ["/predict", "/v2/health/live", "/nowhere", "/ping"])
def test_an_answer_names_the_trace_and_a_new_span(client: Client, path: str) -> None:
    spans = set()
    for _ in range(2):
        version, kept, span, flags = client.post(path, ROW, traceparent=PARENT).headers["traceparent"].split("-")
        assert (version, kept, flags) == ("00", TRACE, "01")
        assert len(bytes.fromhex(span)) == 8
        spans.add(span)
    assert len(spans | {SPAN}) == 3
    assert "traceparent" not in client.post(path, ROW).headers


@pytest.mark.parametrize(
    "header",
    [
        "",
        "x",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"01-{TRACE}-{SPAN}-01more",
        f"00-{TRACE}-{SPAN}-1",
        "00-" * 10_000,
    ],
)
def test_what_is_no_trace_is_ignored(client: Client, header: str) -> None:
    reply = client.post("/predict", ROW, traceparent=header)
    assert reply.status == 200
    assert "traceparent" not in reply.headers


def test_a_later_version_is_read_by_what_both_have() -> None:
    assert trace.continued(f"cc-{TRACE}-{SPAN}-00-what-comes".encode()).startswith(f"00-{TRACE}-".encode())


def test_the_log_of_a_failure_names_request_and_trace(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.validator = None  # type: ignore[assignment]
    reply = Client(app).post("/predict", ROW, traceparent=PARENT, **{"x-request-id": "abc"})
    assert reply.status == 500
    assert f"(request abc, trace {reply.headers['traceparent']})" in capsys.readouterr().err
