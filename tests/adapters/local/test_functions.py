"""What is this machine's own about its functions: what is published, what is left behind, calls that go wrong."""

import threading
from pathlib import Path

import pytest

from tests.adapters.local.hosted import Settings, workers
from tests.support import until
from toolkit.adapters.local import functions as local
from toolkit.adapters.local.functions import LocalFunctions
from toolkit.domain.errors import Corrupt, Throttled, Unsupported
from toolkit.domain.specs import FunctionSpec, HttpRequest
from toolkit.execution.tree import identity
from toolkit.testing.functions import Deploy, PutBundle, answers
from toolkit.testing.store import at_once

pytestmark = pytest.mark.slow


def test_a_bundle_that_is_not_what_it_says(
    functions: LocalFunctions, settings: Settings, put_bundle: PutBundle
) -> None:
    _, key = put_bundle({"app.py": b"x = 1"})
    with pytest.raises(Corrupt, match=r"is [0-9a-f]{12}, not 0{12}"):
        functions.publish(FunctionSpec(name="fn", bundle="0" * 64, bundle_key=key))
    assert list(functions.list()) == []


def test_limits(functions: LocalFunctions, deploy: Deploy) -> None:
    for fields in (
        {"memory_mb": 10_241},
        {"timeout_seconds": 901},
        {"environment": {"K": "v" * 4096}},
        {"concurrency": 0},
        {"memory_mb": 0},
    ):
        with pytest.raises(Unsupported):
            functions.publish(deploy.spec(answers("a"), **fields))
    functions.publish(deploy.spec(answers("a"), memory_mb=10_240, timeout_seconds=900, environment={"K": "v" * 4095}))


def test_publishing_at_once_is_one_version(functions: LocalFunctions, deploy: Deploy) -> None:
    spec = deploy.spec(answers("a"))
    assert at_once(*[lambda: functions.publish(spec)] * 6) == ["1"] * 6
    changed = [deploy.spec(answers("a"), environment={"N": str(number)}) for number in range(6)]
    found = at_once(*[lambda spec=spec: functions.publish(spec) for spec in changed])
    assert sorted(map(str, found)) == ["2", "3", "4", "5", "6", "7"]


def test_new_tags_make_no_new_version(functions: LocalFunctions, deploy: Deploy) -> None:
    name = deploy(answers("a"))
    functions.publish(deploy.spec(answers("a"), tags={"owner": "me"}))
    state = functions.observe(name)
    assert (state.versions, state.tags) == (("1",), {"owner": "me"})


def test_a_function_made_again_is_a_new_one(functions: LocalFunctions, deploy: Deploy) -> None:
    deploy(answers("keeps the host"), part="other")
    name = deploy(answers("first"))
    assert functions.request(name, HttpRequest()).body == b"first"
    functions.delete(name)
    deploy(answers("second"))
    assert functions.request(name, HttpRequest()).body == b"second"


def test_a_bundle_is_unpacked_once_and_kept_while_it_is_used(
    settings: Settings, functions: LocalFunctions, deploy: Deploy
) -> None:
    one, two = deploy(answers("same"), part="one"), deploy(answers("same"), part="two")
    unpacked = Path(settings["host"], "bundles")
    assert len(list(unpacked.iterdir())) == 1
    functions.delete(one)
    assert functions.request(two, HttpRequest()).body == b"same"
    functions.delete(two)
    assert list(unpacked.iterdir()) == []


def test_an_unpacked_bundle_that_went_missing_is_told(
    settings: Settings, functions: LocalFunctions, deploy: Deploy
) -> None:
    name = deploy(answers("a"))
    unpacked = Path(settings["host"], "bundles")
    unpacked.rename(unpacked.with_name("elsewhere"))
    state = functions.observe(name)
    assert (state.state, "publish it again" in state.reason) == ("failed", True)
    assert functions.request(name, HttpRequest()).status == 500
    deploy(answers("a"))
    assert functions.request(name, HttpRequest()).status == 200


def test_deleting_the_last_function_leaves_nothing_running_and_nothing_behind(
    settings: Settings, functions: LocalFunctions, deploy: Deploy
) -> None:
    names = [deploy("def handler(event, context):\n    print('x')\n    return 1\n", part=part) for part in ("a", "b")]
    for name in names:
        functions.request(name, HttpRequest())
        functions.event(name, {"n": 1}, wait=False)
    host = local.host_status(settings)
    assert host is not None
    pids = workers(settings)
    assert len(pids) == 2
    functions.delete(names[0])
    assert local.host_status(settings) == host
    functions.delete(names[1])
    assert local.host_status(settings) is None
    assert {identity(pid) for pid in (host.pid, *pids)} == {""}
    root = Path(settings["host"])
    left = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert left == {
        "functions/.lock",
        "schedules/.lock",
        "server/control",
        "server/host.log",
        "server/lock",
        "server/port",
        "server/token",
    }


def test_deleting_ends_a_call_that_runs(functions: LocalFunctions, settings: Settings, deploy: Deploy) -> None:
    deploy(answers("keeps the host"), part="other")
    name = deploy("import time\n\ndef handler(event, context):\n    time.sleep(200)\n", timeout_seconds=200)
    found: list[int] = []
    caller = threading.Thread(target=lambda: found.append(functions.request(name, HttpRequest()).status))
    caller.start()
    until(lambda: any(line.text.startswith("START") for line in functions.logs(name)))
    functions.delete(name)
    caller.join(60)
    assert len(found) == 1
    assert found[0] >= 404
    assert workers(settings) == []


def test_an_event_is_kept_until_it_is_delivered(settings: Settings, functions: LocalFunctions, deploy: Deploy) -> None:
    name = deploy("""
        tries = 0

        def handler(event, context):
            global tries
            tries += 1
            if tries < 3:
                raise RuntimeError("not yet")
            print("done", event["n"], "try", tries)
    """)
    functions.event(name, {"n": 5}, wait=False)
    until(lambda: any(line.text == "done 5 try 3" for line in functions.logs(name)))
    until(lambda: not list(Path(settings["host"], "functions", name, "events").glob("*.json")))


def test_throttling_an_event_is_retryable(functions: LocalFunctions, deploy: Deploy, tmp_path: Path) -> None:
    answered = tmp_path / "answered"
    name = deploy(
        """
        import os, time

        def handler(event, context):
            while not os.path.exists(event["until"]):
                time.sleep(0.01)
            return 1
        """,
        concurrency=1,
    )

    def send() -> object:
        try:
            return functions.event(name, {"until": str(answered)})
        finally:
            answered.touch()  # whoever is refused lets the other end

    found = at_once(send, send)
    assert sorted(type(one).__name__ for one in found) == ["Throttled", "int"]
    assert next(one for one in found if isinstance(one, Throttled)).retryable


def test_an_http_answer_that_is_none_and_a_function_that_takes_too_long(
    functions: LocalFunctions, deploy: Deploy
) -> None:
    bad = deploy("def handler(event, context):\n    return {'statusCode': 'x'}\n", part="bad")
    assert functions.request(bad, HttpRequest()).status == 502
    slow = deploy("import time\n\ndef handler(event, context):\n    time.sleep(9)\n", part="slow", timeout_seconds=1)
    answer = functions.request(slow, HttpRequest())
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (504, "Sandbox.Timedout")
