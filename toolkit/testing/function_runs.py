"""A function's runs: what one may take of time and memory, how it ends where it takes more, and the log it leaves."""

from __future__ import annotations

import time

from toolkit.domain.specs import HttpRequest
from toolkit.ports.functions import Functions
from toolkit.testing.claims import claims
from toolkit.testing.deploying import Deploy, DeployingSuite, seen


class RunsSuite(DeployingSuite):
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
        assert seen(functions, name, "second ä")
        lines = list(functions.logs(name))
        texts = [line.text.strip() for line in lines]
        assert texts.index("first /one") < texts.index("second ä")
        assert [line.time for line in lines] == sorted(line.time for line in lines)
        functions.request(name, HttpRequest(path="/two"))
        assert seen(functions, name, "first /two", after=lines[-1].cursor)
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
