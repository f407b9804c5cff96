"""The URLs of this machine's functions: who may call, and a real FastAPI application behind one."""

import http.client
import json
import re
import sys
import time
import zipfile
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.adapters.local.hosted import Settings, ask
from toolkit.adapters.local import functions as local
from toolkit.adapters.local.functions import LocalFunctions
from toolkit.adapters.local.store import open_store
from toolkit.domain import digest
from toolkit.domain.specs import FunctionSpec
from toolkit.testing.functions import Deploy, answers

pytestmark = pytest.mark.slow


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
