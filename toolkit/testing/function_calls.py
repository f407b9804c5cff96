"""Calls of a function: HTTP requests, whole and limited, and events, with and without who waits for the answer."""

from __future__ import annotations

import json

import pytest

from toolkit.domain.errors import ProviderError
from toolkit.domain.specs import HttpRequest
from toolkit.ports.functions import Functions
from toolkit.testing.claims import claims
from toolkit.testing.deploying import Deploy, DeployingSuite, Visit, answers, seen
from toolkit.testing.store import at_once

_PAYLOAD_BYTES = 6 * 1024**2

ECHO = """
    import json

    def handler(event, context):
        http = event["requestContext"]["http"]
        seen = {key: event.get(key) for key in ("rawPath", "rawQueryString", "body", "isBase64Encoded", "cookies")}
        body = json.dumps({**seen, "method": http["method"], "header": event["headers"].get("x-probe")})
        return {
            "statusCode": 201,
            "headers": {"content-type": "application/json", "x-answer": "yes"},
            "cookies": ["a=1; Path=/"],
            "body": body,
        }
"""


class CallsSuite(DeployingSuite):
    # HTTP

    @claims("functions.http")
    def test_a_request_reaches_the_function_whole(self, functions: Functions, deploy: Deploy) -> None:
        request = HttpRequest(
            method="POST",
            path="/a/b c",
            query="x=1&x=2&y=%20",
            headers={"X-Probe": "Wert", "Content-Type": "application/json", "Cookie": "k=v; l=w"},
            body='{"ä": 1}'.encode(),
        )
        answer = functions.request(deploy(ECHO), request)
        assert answer.status == 201
        assert answer.headers["x-answer"] == "yes"
        assert answer.headers["content-type"].startswith("application/json")
        assert json.loads(answer.body) == {
            "rawPath": "/a/b%20c",
            "rawQueryString": "x=1&x=2&y=%20",
            "body": '{"ä": 1}',
            "isBase64Encoded": False,
            "cookies": ["k=v", "l=w"],
            "method": "POST",
            "header": "Wert",
        }

    @claims("functions.http")
    def test_bytes_come_and_go_unchanged(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy("""
            def handler(event, context):
                assert event["isBase64Encoded"]
                headers = {"content-type": "application/octet-stream"}
                return {"statusCode": 200, "headers": headers, "body": event["body"], "isBase64Encoded": True}
        """)
        data = bytes(range(256))
        headers = {"Content-Type": "application/octet-stream"}
        answer = functions.request(name, HttpRequest(method="PUT", path="/", headers=headers, body=data))
        assert (answer.status, answer.body) == (200, data)

    @claims("functions.http")
    def test_a_function_that_raises_answers_5xx_and_serves_the_next_call(
        self, functions: Functions, deploy: Deploy
    ) -> None:
        name = deploy("""
            def handler(event, context):
                if event["rawPath"] == "/bad":
                    raise ValueError("no")
                return {"statusCode": 200, "body": "fine"}
        """)
        assert 500 <= functions.request(name, HttpRequest(path="/bad")).status < 600
        assert functions.request(name, HttpRequest(path="/good")).body == b"fine"

    @claims("functions.http")
    def test_a_function_that_cannot_be_loaded_answers_5xx(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy("import there_is_no_such_module\n\ndef handler(event, context):\n    return 1\n")
        assert 500 <= functions.request(name, HttpRequest()).status < 600

    @claims("functions.http")
    def test_more_calls_than_its_concurrency_are_told_so(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy(
            """
            import time

            def handler(event, context):
                time.sleep(1.0)
                return {"statusCode": 200, "body": "done"}
            """,
            concurrency=1,
        )
        calls = [lambda: functions.request(name, HttpRequest()).status for _ in range(3)]
        assert sorted(map(str, at_once(*calls))) == ["200", "429", "429"]
        assert functions.request(name, HttpRequest()).status == 200

    @claims("functions.http")
    def test_payloads_over_the_limit_are_refused(self, functions: Functions, deploy: Deploy) -> None:
        limit = self.provider.limits.get("payload_bytes", _PAYLOAD_BYTES)
        name = deploy(f"""
            def handler(event, context):
                size = {limit} + 1 if event["rawPath"] == "/large" else 3
                return {{"statusCode": 200, "body": "x" * size}}
        """)
        assert functions.request(name, HttpRequest(method="POST", body=b"x" * (limit + 1))).status == 413
        assert 500 <= functions.request(name, HttpRequest(path="/large")).status < 600
        assert functions.request(name, HttpRequest()).body == b"xxx"

    @claims("functions.http")
    def test_a_stranger_is_refused_unless_it_is_public(
        self, functions: Functions, deploy: Deploy, visit: Visit
    ) -> None:
        private = functions.observe(deploy(answers("secret"), part="private"))
        public = functions.observe(deploy(answers("open"), part="public", auth="public"))
        assert visit(private.url, {}) in {401, 403}
        assert visit(private.url, {"Authorization": "Bearer guessed"}) in {401, 403}
        assert visit(public.url, {}) == 200
        assert functions.request(private.name, HttpRequest()).body == b"secret"

    # Events

    @claims("functions.event")
    def test_an_event_is_answered_with_a_value(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy("def handler(event, context):\n    return {'got': event, 'none': None}\n")
        event = {"deep": {"list": [1, 2.5, None, "ä"]}}
        assert functions.event(name, event) == {"got": event, "none": None}

    @claims("functions.event")
    def test_a_failing_event_raises_with_type_and_message(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy("def handler(event, context):\n    raise LookupError('the reason')\n")
        with pytest.raises(ProviderError, match=r"LookupError: the reason"):
            functions.event(name, {})

    @claims("functions.event", "functions.logs")
    def test_an_event_that_nobody_waits_for_is_delivered(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy("def handler(event, context):\n    print('delivered', event['n'])\n")
        assert functions.event(name, {"n": 7}, wait=False) is None
        assert seen(functions, name, "delivered 7")
