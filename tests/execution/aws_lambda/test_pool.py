"""Every case runs with the real runtime client and with our own: they are to be told apart by nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from toolkit.execution.aws_lambda import Deployment, Outcome, Pool, records, sandbox
from toolkit.execution.aws_lambda.log import FunctionLog, read
from toolkit.execution.aws_lambda.runtimes import Choice
from toolkit.execution.tree import identity

pytestmark = pytest.mark.slow
Open = Callable[..., Pool]
# The real client has no wheel for every machine; where it is missing, our own has to stand alone.
CLIENTS: list[Choice] = ["awslambdaric", "own"] if sys.platform == "linux" else ["own"]


class Rig:
    """Pools over code of a few lines, closed after the case."""

    def __init__(self, folder: Path, client: Choice) -> None:
        self.folder = folder
        self.client = client
        self.pools: list[Pool] = []
        self.log = folder / "log.jsonl"

    def open(self, code: str, files: dict[str, str] | None = None, **fields: Any) -> Pool:
        root = self.folder / f"bundle-{len(self.pools)}"
        for name, text in {"app.py": code, **(files or {})}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        deployment = Deployment("probe", "7", root, **{"timeout_seconds": 10.0, **fields})
        pool = Pool(
            deployment,
            workers=self.folder / "workers",
            runtime=self.folder / "runtime",
            log=FunctionLog(self.log),
            client=self.client,
        )
        self.pools.append(pool)
        return pool

    def lines(self) -> list[str]:
        return [line.text for line in read(self.log)]


@pytest.fixture(params=CLIENTS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, request.param)
    yield rig
    for pool in rig.pools:
        pool.close()
    left = list((tmp_path / "workers").iterdir()) if (tmp_path / "workers").is_dir() else []
    assert left == []


def value(outcome: Outcome) -> Any:
    assert outcome.error == "", outcome
    return json.loads(outcome.payload)


def gone(pid: int, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while identity(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert identity(pid) == ""


def told(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outcome.payload)
    assert found["errorType"] == outcome.error
    return found


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
    )
    outcome = pool.call(b"{}")
    seen = value(outcome)
    assert seen["id"] == outcome.request_id
    assert 8_000 < seen.pop("left") <= 10_000
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
        ticks = 0

        def tick():
            global ticks
            while True:
                ticks += 1
                time.sleep(0.005)

        threading.Thread(target=tick, daemon=True).start()

        def handler(event, context):
            time.sleep(event["sleep"])
            return ticks
    """)
    before = value(pool.call(b'{"sleep": 0.2}'))
    assert before > 5
    time.sleep(0.6)
    assert value(pool.call(b'{"sleep": 0}')) - before < 20  # 120 had it gone on
    assert value(pool.call(b'{"sleep": 0.2}')) - before > 5


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


@pytest.mark.parametrize(
    ("code", "handler", "kind", "words"),
    [
        ("import not_there", "app.handler", "Runtime.ImportModuleError", "No module named 'not_there'"),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("x = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("x = 1", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("1 / 0", "app.handler", "ZeroDivisionError", "division by zero"),
        ("import os; os._exit(4)", "app.handler", "Runtime.ExitError", "exit status 4"),
    ],
)
def test_a_handler_that_cannot_be_loaded(rig: Rig, code: str, handler: str, kind: str, words: str) -> None:
    pool = rig.open(code, handler=handler)
    for _ in range(2):  # the next call tries again
        outcome = pool.call(b"{}")
        assert outcome.error == kind
        assert words in told(outcome)["errorMessage"]
        assert pool.pids() == []
    assert any("Phase: init\tStatus: error" in line for line in rig.lines())


def test_a_slow_init_goes_on_within_the_calls_own_time(rig: Rig) -> None:
    code = """
        import time
        time.sleep(0.8)

        def handler(event, context):
            return "up"
    """
    assert value(rig.open(code, init_seconds=0.3).call(b"{}")) == "up"
    assert any("Phase: init\tStatus: timeout" in line for line in rig.lines())
    outcome = rig.open(code, init_seconds=0.3, timeout_seconds=0.4).call(b"{}")
    assert outcome.error == records.TIMEOUT


def test_a_call_past_its_time(rig: Rig) -> None:
    pool = rig.open(
        """
        import subprocess, sys, time

        def handler(event, context):
            if event:
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
                print("child", child.pid)
                time.sleep(60)
            return "fine"
        """,
        timeout_seconds=0.7,
        concurrency=1,
    )
    value(pool.call(b"{}"))
    (pid,) = pool.pids()
    outcome = pool.call(b'{"hang": 1}')
    assert outcome.error == "Sandbox.Timedout"
    words = f"RequestId: {outcome.request_id} Error: Task timed out after 0.70 seconds"
    assert told(outcome)["errorMessage"] == words
    (child,) = [int(line.split()[1]) for line in rig.lines() if line.startswith("child ")]
    assert identity(pid) == identity(child) == ""
    assert value(pool.call(b"{}")) == "fine"
    assert pool.pids() != [pid]
    assert f"{outcome.request_id} Task timed out after 0.70 seconds" in rig.lines()


def test_a_call_past_its_memory(rig: Rig) -> None:
    pool = rig.open(
        """
        import subprocess, sys, time

        def handler(event, context):
            if event.get("where") == "here":
                kept = bytearray(b"x") * (300 << 20)
                time.sleep(20)
            if event.get("where") == "in a child":
                subprocess.run([sys.executable, "-c", "x = bytearray(b'x') * (300 << 20); import time; time.sleep(20)"])
            if event.get("where") == "for a moment":
                kept = bytearray(b"x") * (300 << 20)
            return "fine"
        """,
        memory_mb=128,
    )
    # What was used and given back between two looks is known only where the system remembers it.
    for where in ("here", "in a child", *(["for a moment"] if sys.platform == "linux" else [])):
        begin = time.monotonic()
        outcome = pool.call(json.dumps({"where": where}).encode())
        assert outcome.error == "Runtime.OutOfMemory", where
        assert "signal: killed" in outcome.message
        assert time.monotonic() - begin < 10
        assert value(pool.call(b"{}")) == "fine"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os._exit(9)", "exit status 9"),
        ("os.kill(os.getpid(), 9)", "signal: killed"),
        ("os.abort()", "signal: abort"),
        ("sys.exit(2)", "exit status 2"),
    ],
)
def test_a_crash(rig: Rig, code: str, words: str) -> None:
    pool = rig.open(f"""
        import os, sys

        def handler(event, context):
            print("before the end", end="")
            if event:
                {code}
            return "fine"
    """)
    outcome = pool.call(b'{"die": 1}')
    assert outcome.error == "Runtime.ExitError"
    assert words in told(outcome)["errorMessage"]
    assert any(line.startswith("before the end") for line in rig.lines())
    assert value(pool.call(b"{}")) == "fine"


def test_a_worker_that_was_killed_while_idle_is_replaced_without_a_word(rig: Rig) -> None:
    pool = rig.open("import os\n\ndef handler(event, context):\n    return os.getpid()\n")
    pid = value(pool.call(b"{}"))
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    assert value(pool.call(b"{}")) != pid


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


def test_several_workers_up_to_the_concurrency_then_429(rig: Rig) -> None:
    pool = rig.open(
        """
        import os, time

        def handler(event, context):
            time.sleep(0.8)
            return os.getpid()
        """,
        concurrency=2,
    )
    outcomes: list[Outcome] = []
    threads = [threading.Thread(target=lambda: outcomes.append(pool.call(b"{}"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.status for outcome in outcomes) == [200, 200, 429, 429]
    served = {value(outcome) for outcome in outcomes if outcome.status == 200}
    assert len(served) == 2
    assert set(pool.pids()) == served
    assert {outcome.error for outcome in outcomes if outcome.status == 429} == {"TooManyRequestsException"}


def test_idle_workers_are_let_go(rig: Rig) -> None:
    pool = rig.open("def handler(event, context):\n    return 1\n", idle_seconds=0.2)
    pool.call(b"{}")
    pool.recycle()
    (pid,) = pool.pids()
    time.sleep(0.3)
    pool.recycle()
    assert pool.pids() == []
    assert identity(pid) == ""


def test_closing_ends_a_call_that_runs(rig: Rig) -> None:
    pool = rig.open("import time\n\ndef handler(event, context):\n    time.sleep(30)\n", timeout_seconds=40.0)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(pool.call(b"{}")))
    thread.start()
    while not any(line.startswith("INIT_START") for line in rig.lines()):
        time.sleep(0.02)
    pool.close()
    thread.join(5)
    assert [outcome.error for outcome in outcomes] == ["Runtime.ExitError"]
    assert pool.call(b"{}").status == 404


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
    pool = rig.open("""
        import os, time

        def handler(event, context):
            print("now")
            while not os.path.exists(event):
                time.sleep(0.01)
    """)
    seen = rig.folder / "seen"
    thread = threading.Thread(target=lambda: pool.call(json.dumps(str(seen)).encode()))
    thread.start()
    deadline = time.monotonic() + 5
    while "now" not in rig.lines() and time.monotonic() < deadline:
        time.sleep(0.02)
    found, running = "now" in rig.lines(), thread.is_alive()
    seen.touch()
    thread.join()
    assert (found, running) == (True, True)


def test_modules_of_the_bundle_are_found(rig: Rig) -> None:
    pool = rig.open(
        "import helper\n\ndef handler(event, context):\n    return helper.WORD\n",
        {"helper.py": "WORD = 'from the bundle'"},
    )
    assert value(pool.call(b"{}")) == "from the bundle"


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


def test_workers_die_with_the_process_that_made_them_and_recover_finds_the_rest(tmp_path: Path) -> None:
    code = dedent(f"""
        import subprocess, sys, time, json, os
        from pathlib import Path
        from toolkit.execution.aws_lambda import Deployment, Pool
        from toolkit.execution.aws_lambda.log import FunctionLog
        root = Path({str(tmp_path)!r})
        pool = Pool(Deployment("probe", "1", root / "bundle"), workers=root / "workers", runtime=root / "runtime",
                    log=FunctionLog(root / "log.jsonl"))
        print(pool.call(b"{{}}").payload.decode(), flush=True)
        os.kill(os.getpid(), 9)
    """)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "app.py").write_text(
        dedent("""
        import os, subprocess, sys

        def handler(event, context):
            child = subprocess.Popen(["sleep", "60"], start_new_session=True)
            return [os.getpid(), child.pid]
    """)
    )
    host = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    worker, child = json.loads(host.stdout)
    if sys.platform == "linux":  # elsewhere the record is all there is
        gone(worker)
        assert identity(child) != ""
    assert sandbox.recover(tmp_path / "workers") == 1
    gone(worker)
    gone(child) if sys.platform == "linux" else os.kill(child, signal.SIGKILL)
    assert list((tmp_path / "workers").iterdir()) == []
