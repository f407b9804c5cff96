"""What every provider of functions must do, shown with bundles of a few lines.

A case publishes functions under names of its own and deletes them; the provider's other functions are left alone.
"""

from __future__ import annotations

import io
import json
import textwrap
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from toolkit.domain import digest
from toolkit.domain.errors import ConfigError, Conflict, NotFound, ProviderError, Unsupported
from toolkit.domain.specs import FunctionSpec, HttpRequest
from toolkit.ports.functions import Functions
from toolkit.ports.store import Store
from toolkit.testing.claims import Suite, claims
from toolkit.testing.store import at_once

PutBundle = Callable[[dict[str, bytes]], tuple[str, str]]
Visit = Callable[[str, dict[str, str]], int]
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


def bundle_into(store: Store) -> PutBundle:
    """A `put_bundle` that zips files and puts them into `store`."""

    def put(files: dict[str, bytes]) -> tuple[str, str]:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as bundle:
            for name, data in files.items():
                bundle.writestr(zipfile.ZipInfo(name), data)
        found = digest.of_bytes(archive.getvalue())
        store.put(f"bundles/{found}", archive.getvalue())
        return found, f"bundles/{found}"

    return put


def answers(word: str) -> str:
    """Code of a function that answers with `word`."""
    return f"""
    def handler(event, context):
        return {{"statusCode": 200, "headers": {{"content-type": "text/plain"}}, "body": {word!r}}}
"""


class Deploy:
    """Publishes code under names of this case, which begin with `begin`; `delete` removes all of it."""

    def __init__(self, functions: Functions, put_bundle: PutBundle, *, begin: str = "probe", **fields: Any) -> None:
        self._begin = begin
        self._fields = fields
        self._functions = functions
        self._put_bundle = put_bundle
        self.case = uuid4().hex[:8]
        self._names: set[str] = set()

    def name(self, part: str = "fn") -> str:
        found = f"{self._begin}-{self.case}-{part}"
        self._names.add(found)
        return found

    def spec(self, code: str, *, part: str = "fn", **fields: Any) -> FunctionSpec:
        digest, key = self._put_bundle({"app.py": textwrap.dedent(code).encode()})
        tags = {"managed-by": "toolkit", "case": self.case}
        values = {"timeout_seconds": 10, "tags": tags, **self._fields, **fields}
        return FunctionSpec(name=self.name(part), bundle=digest, bundle_key=key, **values)

    def __call__(self, code: str, *, part: str = "fn", **fields: Any) -> str:
        """Publish and route; the function's name."""
        spec = self.spec(code, part=part, **fields)
        self._functions.route(spec.name, {self._functions.publish(spec): 1.0})
        return spec.name

    def delete(self) -> None:
        for name in self._names:
            self._functions.delete(name)


class FunctionsSuite(Suite):
    """Give the fixtures `functions` and `put_bundle`: files -> (digest, store key) of a zip in the store. `fields` are
    those of every FunctionSpec that the provider under test needs otherwise than by default (the runtime, say); `begin`
    is what the names of its functions begin with."""

    fields: ClassVar[dict[str, Any]] = {}
    begin: ClassVar[str] = "probe"

    @pytest.fixture
    def deploy(self, functions: Functions, put_bundle: PutBundle) -> Iterator[Deploy]:
        deploy = Deploy(functions, put_bundle, begin=self.begin, **self.fields)
        yield deploy
        deploy.delete()

    @pytest.fixture
    def visit(self) -> Visit:
        """The status that a URL answers to a client without an identity."""
        return visit

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
        assert self.seen(functions, name, "delivered 7")

    # Versions and routes

    @claims("functions.versions")
    def test_equal_configuration_is_one_version(self, functions: Functions, deploy: Deploy) -> None:
        spec = deploy.spec(answers("a"))
        first = functions.publish(spec)
        assert functions.publish(spec) == first
        changed = functions.publish(deploy.spec(answers("a"), environment={"KEY": "v"}))
        assert changed != first
        state = functions.observe(spec.name)
        assert set(state.versions) == {first, changed}
        assert (state.weights, state.state) == ({}, "pending")
        assert len(set(state.spec_digests.values())) == 2

    @claims("functions.versions", "functions.beside", "functions.http")
    def test_a_route_holds_for_the_next_call_and_a_version_can_be_named(
        self, functions: Functions, deploy: Deploy
    ) -> None:
        old = functions.publish(deploy.spec(answers("old")))
        name = deploy.name()
        functions.route(name, {old: 1.0})
        assert functions.request(name, HttpRequest()).body == b"old"
        new = functions.publish(deploy.spec(answers("new")))
        assert functions.request(name, HttpRequest()).body == b"old"
        assert functions.request(name, HttpRequest(), version=new).body == b"new"
        assert functions.route(name, {new: 1.0}).weights == {new: 1.0}
        assert functions.request(name, HttpRequest()).body == b"new"
        assert functions.request(name, HttpRequest(), version=old).body == b"old"

    @claims("functions.weights", "functions.http")
    def test_traffic_splits_by_weight(self, functions: Functions, deploy: Deploy) -> None:
        one, two = (functions.publish(deploy.spec(answers(word))) for word in ("one", "two"))
        name = deploy.name()
        functions.route(name, {one: 0.75, two: 0.25})
        calls = 300
        seen = [functions.request(name, HttpRequest()).body for _ in range(calls)]
        assert set(seen) == {b"one", b"two"}
        # Five standard deviations of a binomial: a right split fails one run in two million.
        assert abs(seen.count(b"two") - calls * 0.25) <= 5 * (calls * 0.25 * 0.75) ** 0.5

    @claims("functions.versions")
    def test_wrong_routes_are_refused(self, functions: Functions, deploy: Deploy) -> None:
        version = functions.publish(deploy.spec(answers("a")))
        name = deploy.name()
        with pytest.raises(NotFound):
            functions.route(name, {"999": 1.0})
        with pytest.raises(NotFound):
            functions.route(deploy.name("other"), {version: 1.0})
        with pytest.raises(ConfigError):
            functions.route(name, {version: 0.5})
        assert functions.observe(name).weights == {}

    @claims("functions.versions")
    def test_a_version_is_removed_when_it_has_no_traffic(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy(answers("old"))
        (old,) = functions.observe(name).versions
        with pytest.raises(Conflict):
            functions.remove_version(name, old)
        new = functions.publish(deploy.spec(answers("new")))
        functions.route(name, {new: 1.0})
        functions.remove_version(name, old)
        functions.remove_version(name, old)
        assert functions.observe(name).versions == (new,)
        again = functions.publish(deploy.spec(answers("old")))
        assert again not in {old, new}

    @claims("functions.versions")
    def test_what_cannot_be_published(self, functions: Functions, deploy: Deploy) -> None:
        good = deploy.spec(answers("a"))
        missing = FunctionSpec(name=good.name, bundle="0" * 64, bundle_key="bundles/" + "0" * 64, **self.fields)
        with pytest.raises(NotFound):
            functions.publish(missing)
        with pytest.raises(Unsupported):
            functions.publish(deploy.spec(answers("a"), memory_mb=10**6))
        with pytest.raises(Unsupported):
            functions.publish(deploy.spec(answers("a"), timeout_seconds=10**6))
        with pytest.raises(NotFound):
            functions.observe(good.name)

    # Limits

    @claims("functions.timeout", "functions.http")
    def test_a_call_past_its_time_ends_and_the_next_is_served(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy(
            """
            import time

            def handler(event, context):
                if event["rawPath"] == "/slow":
                    time.sleep(20)
                return {"statusCode": 200, "body": "fine"}
            """,
            timeout_seconds=1,
            concurrency=1,
        )
        begin = time.monotonic()
        assert 500 <= functions.request(name, HttpRequest(path="/slow")).status < 600
        assert time.monotonic() - begin < 15
        assert functions.request(name, HttpRequest(path="/quick")).body == b"fine"

    @claims("functions.memory", "functions.http")
    def test_a_call_past_its_memory_ends_and_the_next_is_served(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy(
            """
            import time

            def handler(event, context):
                if event["rawPath"] == "/large":
                    kept = bytearray(b"x") * (400 * 1024 * 1024)
                    time.sleep(5)
                return {"statusCode": 200, "body": "fine"}
            """,
            memory_mb=128,
        )
        assert 500 <= functions.request(name, HttpRequest(path="/large")).status < 600
        assert functions.request(name, HttpRequest(path="/small")).body == b"fine"

    @claims("functions.memory", "functions.http")
    def test_a_crash_is_an_error_and_the_next_call_is_served(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy(
            """
            import os, signal

            def handler(event, context):
                if event["rawPath"] == "/exit":
                    os._exit(3)
                if event["rawPath"] == "/kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                return {"statusCode": 200, "body": "fine"}
            """,
            memory_mb=128,
        )
        for way in ("/exit", "/kill"):
            assert 500 <= functions.request(name, HttpRequest(path=way)).status < 600
            assert functions.request(name, HttpRequest()).body == b"fine"

    # Logs

    @claims("functions.logs", "functions.http")
    def test_what_is_printed_can_be_read_on_from_a_cursor(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy("""
            def handler(event, context):
                print("first", event["rawPath"])
                print("second ä")
                return {"statusCode": 200, "body": ""}
        """)
        functions.request(name, HttpRequest(path="/one"))
        assert self.seen(functions, name, "second ä")
        lines = list(functions.logs(name))
        texts = [line.text.strip() for line in lines]
        assert texts.index("first /one") < texts.index("second ä")
        assert [line.time for line in lines] == sorted(line.time for line in lines)
        functions.request(name, HttpRequest(path="/two"))
        assert self.seen(functions, name, "first /two", after=lines[-1].cursor)
        later = [line.text.strip() for line in functions.logs(name, after=lines[-1].cursor)]
        assert "first /one" not in later

    @claims("functions.logs", "functions.http")
    def test_logs_can_be_followed(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy("def handler(event, context):\n    print('now')\n    return 1\n")
        functions.request(name, HttpRequest())
        found = (line for line in functions.logs(name, follow=True) if line.text.strip() == "now")
        next(found)
        functions.request(name, HttpRequest())
        next(found)

    # The whole

    @claims("functions.versions")
    def test_functions_are_listed_by_tag(self, functions: Functions, deploy: Deploy) -> None:
        for part in ("b", "a"):
            functions.publish(deploy.spec(answers(part), part=part, tags={"case": deploy.case, "part": part}))
        assert [state.name for state in functions.list({"case": deploy.case})] == [deploy.name("a"), deploy.name("b")]
        assert [state.name for state in functions.list({"case": deploy.case, "part": "b"})] == [deploy.name("b")]
        assert list(functions.list({"case": "another"})) == []

    @claims("functions.http")
    def test_what_is_deleted_is_gone(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy(answers("a"))
        functions.request(name, HttpRequest())
        functions.delete(name)
        functions.delete(name)
        for call in (
            lambda: functions.observe(name),
            lambda: functions.request(name, HttpRequest()),
            lambda: functions.event(name, {}),
            lambda: list(functions.logs(name)),
            lambda: functions.route(name, {"1": 1.0}),
        ):
            with pytest.raises(NotFound):
                call()
        assert list(functions.list({"case": deploy.case})) == []
        functions.request(deploy(answers("again")), HttpRequest())
        assert [line for line in functions.logs(name) if "never" in line.text] == []

    def seen(self, functions: Functions, name: str, text: str, after: str = "", seconds: float = 30.0) -> bool:
        """Whether the log has a line with `text`, given time to come (logs may be late)."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(line.text.strip() == text for line in functions.logs(name, after=after)):
                return True
            time.sleep(0.05)
        return False


def visit(url: str, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
