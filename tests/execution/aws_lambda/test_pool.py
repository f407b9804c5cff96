"""What a handler is given, what becomes of its answer, and what stands in the log meanwhile."""

import json
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.execution.aws_lambda.rig import Rig, told, value
from tests.support import until
from toolkit.execution.aws_lambda import records

pytestmark = pytest.mark.slow


def test_a_worker_is_used_again(rig: Rig) -> None:
    pool = rig.open("""
        import os
        calls = 0

        def handler(event, context):
            global calls
            calls += 1
            return [os.getpid(), calls, event]
    """)
    first, second = value(pool.call(b'{"n": 1}')), value(pool.call(b'{"n": 2}'))
    assert first[0] == second[0]
    assert [first[1:], second[1:]] == [[1, {"n": 1}], [2, {"n": 2}]]


def test_it_sees_what_was_declared_and_nothing_of_ours(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_HOST", "x")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    pool = rig.open(
        """
        import os, sys, tempfile, importlib.util
        from pathlib import Path

        def handler(event, context):
            Path(tempfile.gettempdir(), "scratch").write_text("mine")
            found = [name for name in ("toolkit", "pytest", "msgspec", "h11") if importlib.util.find_spec(name)]
            return {"env": dict(os.environ), "path": sys.path, "found": found, "cwd": os.getcwd(),
                    "tmp": tempfile.gettempdir(), "home": str(Path.home())}
        """,
        environment={"DECLARED": "yes", "AWS_LAMBDA_FUNCTION_NAME": "forged"},
    )
    seen = value(pool.call(b"{}"))
    environment = seen["env"]
    assert environment["DECLARED"] == "yes"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "probe"
    assert environment["AWS_LAMBDA_FUNCTION_VERSION"] == "7"
    assert "A_SECRET_OF_THE_HOST" not in environment
    assert "PYTHONPATH" not in environment
    assert seen["found"] == []
    root = str(pool.deployment.task_root)
    assert seen["path"][0] == root
    assert seen["cwd"] == root
    assert not any("site-packages" in place or place == "" for place in seen["path"])
    assert seen["tmp"].startswith(str(rig.folder / "workers"))
    assert seen["home"].startswith(str(rig.folder / "workers"))
    pool.close()
    assert not Path(seen["tmp"]).exists()


def test_the_context_knows_the_call(rig: Rig) -> None:
    pool = rig.open(
        """
        def handler(event, context):
            return {
                "id": context.aws_request_id, "arn": context.invoked_function_arn, "name": context.function_name,
                "version": context.function_version, "memory": context.memory_limit_in_mb,
                "left": context.get_remaining_time_in_millis(), "group": context.log_group_name,
            }
        """,
        memory_mb=256,
        timeout_seconds=600.0,
    )
    outcome = pool.call(b"{}")
    seen = value(outcome)
    assert seen["id"] == outcome.request_id
    assert 500_000 < seen.pop("left") <= 600_000
    assert seen == {
        "id": outcome.request_id,
        "arn": "arn:aws:lambda:local:000000000000:function:probe:7",
        "name": "probe",
        "version": "7",
        "memory": "256",
        "group": "/aws/lambda/probe",
    }


def test_it_is_frozen_between_calls(rig: Rig) -> None:
    pool = rig.open("""
        import threading, time
        ticks, longest = 0, 0.0

        def tick():
            global ticks, longest
            before = time.monotonic()
            while True:
                time.sleep(0.005)
                now = time.monotonic()
                ticks, longest, before = ticks + 1, max(longest, now - before), now

        threading.Thread(target=tick, daemon=True).start()

        def handler(event, context):
            wanted = ticks + event
            while ticks < wanted:
                time.sleep(0.005)
            return longest
    """)
    value(pool.call(b"5"))
    time.sleep(0.6)
    assert value(pool.call(b"5")) >= 0.6  # 0.005 had it gone on


def test_modules_of_the_bundle_are_found(rig: Rig) -> None:
    pool = rig.open(
        "import helper\n\ndef handler(event, context):\n    return helper.WORD\n",
        {"helper.py": "WORD = 'from the bundle'"},
    )
    assert value(pool.call(b"{}")) == "from the bundle"


def test_payloads(rig: Rig) -> None:
    pool = rig.open("""
        def handler(event, context):
            return "x" * event["size"] if isinstance(event, dict) else len(event)
    """)
    limit = records.PAYLOAD_BYTES
    assert value(pool.call(b'"' + b"x" * (limit - 2) + b'"')) == limit - 2
    refused = pool.call(b'"' + b"x" * (limit - 1) + b'"')
    assert (refused.status, refused.error) == (413, "RequestTooLargeException")
    assert len(value(pool.call(json.dumps({"size": limit - 2}).encode()))) == limit - 2
    assert pool.call(json.dumps({"size": limit - 1}).encode()).error == "Function.ResponseSizeTooLarge"
    assert len(value(pool.call(b'{"size": 3}'))) == 3


def test_answers_that_are_not_json(rig: Rig) -> None:
    pool = rig.open("def handler(event, context):\n    return {1, 2} if event else None\n")
    assert pool.call(b'"x"').error == "Runtime.MarshalError"
    assert value(pool.call(b"0")) is None
    assert pool.call(b"not json").error == "Runtime.UnmarshalError"


def test_what_the_handler_raises_is_told_with_its_trace(rig: Rig) -> None:
    pool = rig.open("""
        class Broken(Exception):
            pass

        def deeper():
            raise Broken("the reason")

        def handler(event, context):
            if event:
                deeper()
            return "fine"
    """)
    outcome = pool.call(b'{"bad": 1}')
    found = told(outcome)
    assert (found["errorType"], found["errorMessage"]) == ("Broken", "the reason")
    assert found["requestId"] == outcome.request_id
    assert "deeper()" in "".join(found["stackTrace"])
    (pid,) = pool.pids()
    assert value(pool.call(b"{}")) == "fine"
    assert pool.pids() == [pid]
    assert any(line.startswith("[ERROR] Broken: the reason\nTraceback") for line in rig.lines())


def test_the_log_reads_as_lambdas(rig: Rig) -> None:
    pool = rig.open("""
        import logging, sys

        def handler(event, context):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            logging.getLogger().warning("from logging")
            sys.stdout.write("no line end")
            return 1
    """)
    request_id = pool.call(b"{}").request_id
    lines = rig.lines()
    assert lines[0].startswith("INIT_START Runtime Version: python:3.")
    assert lines[1:4] == [f"START RequestId: {request_id} Version: 7", "to stdout", "to stderr"]
    assert lines[4].startswith("[WARNING]\t20")
    assert lines[4].endswith(f"Z\t{request_id}\tfrom logging")
    assert lines[5:7] == ["no line end", f"END RequestId: {request_id}"]
    report = dict(part.split(": ", 1) for part in lines[7].removeprefix("REPORT ").split("\t"))
    assert list(report) == [
        "RequestId",
        "Duration",
        "Billed Duration",
        "Memory Size",
        "Max Memory Used",
        "Init Duration",
    ]
    assert report["Memory Size"] == "512 MB"
    pool.call(b"{}")
    assert "Init Duration" not in rig.lines()[-1]


def test_lines_can_be_seen_while_the_call_runs(rig: Rig) -> None:
    pool = rig.open(
        """
        import os, time

        def handler(event, context):
            print("now")
            while not os.path.exists(event):
                time.sleep(0.01)
        """,
        timeout_seconds=120.0,
    )
    seen = rig.folder / "seen"
    thread = threading.Thread(target=lambda: pool.call(json.dumps(str(seen)).encode()))
    thread.start()
    try:
        until(lambda: "now" in rig.lines())
        assert thread.is_alive()
    finally:
        seen.touch()
        thread.join()


def test_two_hundred_warm_calls(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    pool = rig.open("def handler(event, context):\n    return event\n")
    took = []
    for number in range(200):
        begin = time.perf_counter()
        assert value(pool.call(str(number).encode())) == number
        took.append((time.perf_counter() - begin) * 1000)
    took.sort()
    with capsys.disabled():
        sys.stdout.write(
            f"\n  warm call through the Runtime API, {rig.client}: p50 {took[100]:.2f} ms, p95 {took[190]:.2f} ms\n"
        )
