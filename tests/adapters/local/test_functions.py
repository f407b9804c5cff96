"""What is this machine's own about its functions: the host process, tokens, the folder, what is left behind."""

import http.client
import json
import os
import re
import signal
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from toolkit.adapters.local import functions as local
from toolkit.adapters.local.functions import LocalFunctions, open_functions
from toolkit.adapters.local.schedules import open_schedules
from toolkit.adapters.local.store import open_store
from toolkit.domain import digest
from toolkit.domain.errors import ConfigError, Corrupt, Throttled, Unsupported
from toolkit.domain.specs import FunctionSpec, HttpRequest, ScheduleSpec
from toolkit.execution.host.process import HostStatus
from toolkit.execution.tree import identity
from toolkit.testing.functions import Deploy, PutBundle, answers, bundle_into
from toolkit.testing.store import at_once

pytestmark = pytest.mark.slow
Settings = dict[str, Any]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = {"store": str(tmp_path / "store"), "host": str(tmp_path / "host"), "python": "", "port": 0}
    yield settings
    local.stop_host(settings)


@pytest.fixture
def functions(settings: Settings) -> LocalFunctions:
    return open_functions(settings)


@pytest.fixture
def put_bundle(settings: Settings) -> PutBundle:
    return bundle_into(open_store(settings))


@pytest.fixture
def deploy(functions: LocalFunctions, put_bundle: PutBundle) -> Deploy:
    return Deploy(functions, put_bundle)


def ask(
    url: str, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as client:
        client.request(method, parts.path + path, headers=headers or {})
        answer = client.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def until(done: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert done()


def workers(settings: Settings) -> list[int]:
    """Processes on record."""
    found = []
    for path in Path(settings["host"], "workers").glob("*.json"):
        with suppress(FileNotFoundError):
            found.append(int(json.loads(path.read_bytes())["pid"]))
    return found


# The host


def test_a_route_starts_the_host_and_so_does_a_call_once_it_was_stopped(
    settings: Settings, functions: LocalFunctions, deploy: Deploy
) -> None:
    name = deploy(answers("a"))
    assert functions.observe(name).state == "ready"
    local.stop_host(settings)
    assert functions.observe(name).state == "stopped"
    assert local.host_status(settings) is None
    assert functions.request(name, HttpRequest()).body == b"a"
    running = local.host_status(settings)
    assert running is not None
    assert running == local.start_host(settings)
    assert at_once(*[lambda: local.start_host(settings)] * 4) == [running] * 4
    assert functions.observe(name).state == "ready"
    assert functions.observe(name).url == f"{running.url}/{name}"
    assert os.getsid(running.pid) == running.pid  # a session of its own: the terminal may go


def test_many_starts_at_once_are_one_host(settings: Settings) -> None:
    found = at_once(*[lambda: local.start_host(settings)] * 4)
    assert len({host.pid for host in found if isinstance(host, HostStatus)}) == 1, found


def test_stopping_ends_everything_and_the_url_is_the_same_again(
    settings: Settings, functions: LocalFunctions, deploy: Deploy
) -> None:
    name = deploy(answers("a"))
    functions.request(name, HttpRequest())
    first = local.host_status(settings)
    assert first is not None
    (worker,) = workers(settings)
    assert local.stop_host(settings)
    assert identity(first.pid) == identity(worker) == ""
    assert not local.stop_host(settings)
    assert functions.observe(name).state == "stopped"
    again = local.start_host(settings)
    assert (again.port, again.pid != first.pid) == (first.port, True)
    assert functions.request(name, HttpRequest()).body == b"a"


def test_a_killed_host_leaves_no_worker_after_the_next_start(
    settings: Settings, functions: LocalFunctions, deploy: Deploy
) -> None:
    name = deploy("""
        import subprocess

        def handler(event, context):
            child = subprocess.Popen(["sleep", "100"], start_new_session=True)
            return {"statusCode": 200, "body": str(child.pid)}
    """)
    child = int(functions.request(name, HttpRequest()).body)
    host = local.host_status(settings)
    assert host is not None
    (worker,) = workers(settings)
    os.kill(host.pid, signal.SIGKILL)
    until(lambda: local.host_status(settings) is None)
    local.start_host(settings)
    until(lambda: identity(worker) == identity(child) == "")
    assert workers(settings) == []
    assert functions.request(name, HttpRequest()).status == 200


def test_a_host_of_another_version_of_the_toolkit_is_replaced(settings: Settings) -> None:
    host = local.start_host(settings)
    record = Path(settings["host"], "server", "host.json")
    record.write_text(json.dumps({**json.loads(record.read_bytes()), "version": "0.0.1"}))
    again = local.start_host(settings)
    assert (again.pid != host.pid, again.port, identity(host.pid)) == (True, host.port, "")


def test_it_stops_when_its_folder_goes(settings: Settings, tmp_path: Path) -> None:
    host = local.start_host(settings)
    Path(settings["host"]).rename(tmp_path / "elsewhere")
    until(lambda: identity(host.pid) == "")


def test_a_port_in_use_is_told_with_what_to_do(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings["port"] = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {settings['port']} of the function URLs cannot be used") as raised:
            local.start_host(settings)
    assert "port" in raised.value.hint
    assert local.start_host(settings).port == settings["port"]


def test_it_listens_on_loopback_only(settings: Settings) -> None:
    host = local.start_host(settings)
    # On Linux all of 127/8 is this machine: what listens everywhere would answer here too.
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", host.port), timeout=2):
        pass


def test_schedules_of_the_folder_are_fired(settings: Settings, functions: LocalFunctions, deploy: Deploy) -> None:
    name = deploy("def handler(event, context):\n    print('fired by', event['schedule'])\n")
    schedules = open_schedules(settings)
    schedules.put(ScheduleSpec(name="often", expression="rate(1 minute)", function=name))
    path = Path(settings["host"], "schedules", "often.json")
    kept = json.loads(path.read_bytes())
    path.write_text(json.dumps({**kept, "since": "2013-01-01T00:00:00.000000Z"}))
    local.start_host(settings)
    until(lambda: any(line.text == "fired by often" for line in functions.logs(name)))


# Who may call


def test_who_may_call(settings: Settings, functions: LocalFunctions, deploy: Deploy) -> None:
    seen = """
        import json

        def handler(event, context):
            return {"statusCode": 200, "body": json.dumps(event["headers"])}
    """
    private, public = deploy(seen, part="private"), deploy(seen, part="public", auth="public")
    local.start_host(settings)
    url, token = functions.observe(private).url, local.token(settings)
    status, headers, body = ask(url)
    assert (status, json.loads(body)) == (401, {"Message": "Unauthorized"})
    assert headers["www-authenticate"] == "Bearer"
    for wrong in (f"Bearer {token}x", f"Bearer {token[:-1]}", "Bearer é"):
        status, _, body = ask(url, headers={"Authorization": wrong.encode("latin-1").decode("latin-1")})
        assert (status, json.loads(body)) == (403, {"Message": "Forbidden"})
    assert ask(url, headers={"Authorization": f"Basic {token}"})[0] == 401
    sent = {"Authorization": f"Bearer {token}", "X-Toolkit-Control": "guessed", "X-Kept": "y"}
    status, headers, body = ask(url, headers=sent)
    assert status == 200
    passed = json.loads(body)
    assert passed["x-kept"] == "y"
    assert passed["x-forwarded-prefix"] == f"/{private}"
    assert not {"authorization", "x-toolkit-control"} & passed.keys()
    assert not [name for name in headers if name.startswith("access-control")]
    status, headers, _ = ask(url, headers={"Origin": "https://elsewhere.example"}, method="OPTIONS")
    assert (status, [name for name in headers if name.startswith("access-control")]) == (401, [])
    # A public function may have an idea of its own of who is calling.
    status, _, body = ask(functions.observe(public).url, headers={"Authorization": "Bearer its-own"})
    assert (status, json.loads(body)["authorization"]) == (200, "Bearer its-own")


def test_tokens_are_readable_by_their_owner_only_and_stay(settings: Settings) -> None:
    token = local.token(settings)
    assert len(token) >= 40
    assert local.token(settings) == token
    local.start_host(settings)
    local.stop_host(settings)
    assert local.token(settings) == token
    for name in ("token", "control"):
        assert Path(settings["host"], "server", name).stat().st_mode & 0o777 == 0o600


def test_only_the_adapter_picks_versions_and_administers(
    settings: Settings, functions: LocalFunctions, deploy: Deploy
) -> None:
    name = deploy(answers("a"), auth="public")
    host = local.start_host(settings)
    url, token = functions.observe(name).url, local.token(settings)
    assert ask(url)[0] == 200
    for control in ({}, {"X-Toolkit-Control": token}, {"X-Toolkit-Control": ""}):
        assert ask(url, headers={"X-Toolkit-Version": "1", **control})[0] == 403
    for path in ("status", f"functions/{name}/invoke", f"functions/{name}"):
        for method in ("GET", "POST", "DELETE"):
            assert ask(host.url, f"/_toolkit/{path}", {"Authorization": f"Bearer {token}"}, method)[0] == 403
    for path in ("/", "/unknown/x", "/../etc", "/UPPER", "/%2e%2e/x", "/_toolkit"):
        assert ask(host.url, path)[0] == 404


# Publishing


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


# Deleting


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
    name = deploy("import time\n\ndef handler(event, context):\n    time.sleep(60)\n", timeout_seconds=90)
    found: list[int] = []
    caller = threading.Thread(target=lambda: found.append(functions.request(name, HttpRequest()).status))
    caller.start()
    until(lambda: workers(settings))
    until(lambda: any("START" in line.text for line in functions.logs(name)) or workers(settings))
    functions.delete(name)
    caller.join(15)
    assert len(found) == 1
    assert found[0] >= 404
    assert workers(settings) == []


# Calls


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


def test_throttling_an_event_is_retryable(functions: LocalFunctions, deploy: Deploy) -> None:
    name = deploy("import time\n\ndef handler(event, context):\n    time.sleep(1)\n    return 1\n", concurrency=1)
    found = at_once(*[lambda: functions.event(name, {})] * 2)
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


FASTAPI = """
import os
from fastapi import FastAPI, Response
from mangum import Mangum

app = FastAPI()
loads = 0
loads += 1

@app.post("/predict/{kind}")
def predict(kind: str, row: dict[str, float], response: Response, scale: float = 1.0) -> dict[str, object]:
    response.set_cookie("seen", "1")
    return {"kind": kind, "sum": scale * sum(row.values()), "pid": os.getpid()}

handler = Mangum(app, lifespan="off")
"""


def test_a_real_fastapi_function(
    settings: Settings, functions: LocalFunctions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "bundle.zip"
    _bundle_with_packages(archive, FASTAPI, "fastapi", "mangum")
    found = digest.of_file(archive)
    open_store(settings).upload(f"bundles/{found}", archive)
    spec = FunctionSpec(name="api", bundle=found, bundle_key=f"bundles/{found}", memory_mb=512)
    functions.route("api", {functions.publish(spec): 1.0})
    local.start_host(settings)
    url, headers = urlsplit(functions.observe("api").url), {"Authorization": f"Bearer {local.token(settings)}"}
    took: list[float] = []
    pids = set()
    with closing(http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)) as client:
        for number in range(201):
            begin = time.perf_counter()
            body = json.dumps({"a": number, "b": 0.5})
            client.request(
                "POST", f"{url.path}/predict/x%20y?scale=2", body, {**headers, "content-type": "application/json"}
            )
            answer = client.getresponse()
            found_body = json.loads(answer.read())
            assert answer.status == 200, [line.text for line in functions.logs("api")]
            took.append((time.perf_counter() - begin) * 1000)
            pids.add(found_body.pop("pid"))
            assert found_body == ({"kind": "x y", "sum": 2 * (number + 0.5)})
            assert answer.headers["set-cookie"].startswith("seen=1;")
        client.request("POST", f"{url.path}/predict/x", "[]", {**headers, "content-type": "application/json"})
        answer = client.getresponse()
        assert (answer.status, "detail" in json.loads(answer.read())) == (422, True)
    assert len(pids) == 1
    cold, warm = took[0], sorted(took[1:])
    with capsys.disabled():
        sys.stdout.write(
            f"\n  FastAPI + Mangum through URL, front and Runtime API: cold {cold:.0f} ms, "
            f"200 warm calls p50 {warm[100]:.2f} ms, p95 {warm[190]:.2f} ms\n"
        )


def _bundle_with_packages(archive: Path, code: str, *names: str) -> None:
    """A zip of `code` and installed packages with what they need, as the packaging room would make it."""
    needed: set[str] = set()
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        with suppress(metadata.PackageNotFoundError):  # for another Python
            if name not in needed:
                lines = metadata.requires(name) or []
                wanted += [re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in lines if "extra ==" not in line]
                needed.add(name)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
        bundle.writestr("app.py", code)
        for file in {str(file): file for name in needed for file in metadata.files(name) or []}.values():
            if ".." not in file.parts and not file.name.endswith(".pyc"):
                bundle.write(str(file.locate()), str(file))
