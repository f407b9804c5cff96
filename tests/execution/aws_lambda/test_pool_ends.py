"""How calls and workers end: no handler, time, memory, a crash, too many at once, idleness, and who made them."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest

from tests.execution.aws_lambda.rig import Rig, gone, told, value
from tests.support import until
from toolkit.execution.aws_lambda import Outcome, records, sandbox
from toolkit.execution.tree import identity

pytestmark = pytest.mark.slow


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
        time.sleep(1.5)

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
        timeout_seconds=2.5,
        concurrency=1,
    )
    value(pool.call(b"{}"))
    (pid,) = pool.pids()
    outcome = pool.call(b'{"hang": 1}')
    assert outcome.error == "Sandbox.Timedout"
    words = f"RequestId: {outcome.request_id} Error: Task timed out after 2.50 seconds"
    assert told(outcome)["errorMessage"] == words
    (child,) = [int(line.split()[1]) for line in rig.lines() if line.startswith("child ")]
    assert identity(pid) == identity(child) == ""
    assert value(pool.call(b"{}")) == "fine"
    assert pool.pids() != [pid]
    assert f"{outcome.request_id} Task timed out after 2.50 seconds" in rig.lines()


def test_a_call_past_its_memory(rig: Rig) -> None:
    pool = rig.open(
        """
        import subprocess, sys, time

        def handler(event, context):
            if event.get("where") == "here":
                kept = bytearray(b"x") * (300 << 20)
                time.sleep(60)
            if event.get("where") == "in a child":
                subprocess.run([sys.executable, "-c", "x = bytearray(b'x') * (300 << 20); import time; time.sleep(60)"])
            if event.get("where") == "for a moment":
                kept = bytearray(b"x") * (300 << 20)
            return "fine"
        """,
        memory_mb=128,
        timeout_seconds=30.0,  # less than it would sleep: what ends it earlier is its memory
    )
    # What was used and given back between two looks is known only where the system remembers it.
    for where in ("here", "in a child", *(["for a moment"] if sys.platform == "linux" else [])):
        outcome = pool.call(json.dumps({"where": where}).encode())
        assert outcome.error == "Runtime.OutOfMemory", where
        assert "signal: killed" in outcome.message
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


def test_several_workers_up_to_the_concurrency_then_429(rig: Rig) -> None:
    pool = rig.open(
        """
        import os, time

        def handler(event, context):
            while not os.path.exists(event):
                time.sleep(0.01)
            return os.getpid()
        """,
        concurrency=2,
        timeout_seconds=120.0,
    )
    refused = rig.folder / "refused"
    payload = json.dumps(str(refused)).encode()
    outcomes: list[Outcome] = []
    threads = [threading.Thread(target=lambda: outcomes.append(pool.call(payload))) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(outcomes) == 2)
    finally:
        refused.touch()
        for thread in threads:
            thread.join()
    assert sorted(outcome.status for outcome in outcomes) == [200, 200, 429, 429]
    served = {value(outcome) for outcome in outcomes if outcome.status == 200}
    assert len(served) == 2
    assert set(pool.pids()) == served
    assert {outcome.error for outcome in outcomes if outcome.status == 429} == {"TooManyRequestsException"}


def test_idle_workers_are_let_go(rig: Rig) -> None:
    code = "def handler(event, context):\n    return 1\n"
    kept, let_go = rig.open(code, idle_seconds=300.0), rig.open(code, idle_seconds=0.0)
    for pool in (kept, let_go):
        pool.call(b"{}")
    (pid,) = let_go.pids()
    for pool in (kept, let_go):
        pool.recycle()
    assert len(kept.pids()) == 1
    assert let_go.pids() == []
    assert identity(pid) == ""


def test_closing_ends_a_call_that_runs(rig: Rig) -> None:
    pool = rig.open("import time\n\ndef handler(event, context):\n    time.sleep(120)\n", timeout_seconds=120.0)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(pool.call(b"{}")))
    thread.start()
    until(lambda: any(line.startswith("INIT_START") for line in rig.lines()))
    pool.close()
    thread.join(60)
    assert [outcome.error for outcome in outcomes] == ["Runtime.ExitError"]
    assert pool.call(b"{}").status == 404


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
