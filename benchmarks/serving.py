"""Answers of a warm server: ours beside the ones people use, one model in all of them, in one run.

The model is HistGradientBoosting, 100 trees, 30 features; one worker everywhere, clients on loopback. Ours is the
container's own start with validation, digest checks, capture and metrics on; FastAPI is as people write it, with
pydantic; mlflow, BentoML and MLServer run in environments of their own (several GB and minutes the first time).
Threads of OpenMP, which scikit-learn's trees use, wait without spinning, as a busy machine would make these servers
look many times slower than they are. Requests alternate in blocks, so that a noisy machine is noisy for all. CPU is
that of the server's whole tree of processes, which is what a host bills. Throughput and p99 are of two clients that
each ask again once they are answered (wrk, where it is installed: `apparatus.load`), medians of alternating rounds.

Where a ratio has rows in its name, ours is the quickest of our JSON bodies. "Predict alone" is our model on arrays in
memory, without a server. In a function, a bare handler reads the JSON, predicts and writes JSON, nothing more.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.apparatus import load, model, peers
from benchmarks.apparatus.environments import FAILS, Missing
from benchmarks.apparatus.model import Rows
from benchmarks.apparatus.report import Report, options
from benchmarks.apparatus.servers import Running, Way

BLOCKS = 6
REQUESTS = {1: 150, 100: 30, 10_000: 3}  # of each way in a block
BLOCK_SECONDS = 0.8  # or as many as it answers in these: trees of OpenMP crawl on a busy machine
TOGETHER = 5  # rounds of two clients
TOGETHER_SECONDS = 1
CALLS = 250  # in process, in a block
ONE_ROW_ONLY = ("ours, any uvicorn", "a server that does nothing")
MANY_ROWS_ONLY = ("ours, V2 tensors in JSON", "ours, raw V2 tensors")
NOTHING = """
async def application(scope, receive, send):
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})
"""


def main(argv: list[str] | None = None) -> None:
    asked = options(__doc__, argv)
    if asked.quick:
        globals().update(BLOCKS=2, REQUESTS={1: 20, 100: 5, 10_000: 1}, TOGETHER=1, CALLS=20)
    report = Report("serving", "Answers of warm servers, one model (30 features, gradient boosted trees)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digest, given = model.write(folder)
        rows = (given * (max(REQUESTS) // len(given) + 1))[: max(REQUESTS)]
        environment = model.environment(folder, digest)
        _servers(report, folder, environment, rows)
        _in_process(report, folder, environment, rows[0])
    report.show(asked)


def _servers(report: Report, folder: Path, environment: dict[str, str], rows: Rows) -> None:
    with ExitStack() as stack:
        running, ways = _started(report, folder, environment, rows, stack)
        for count, requests in REQUESTS.items():
            _compared(report, running, ways, rows[:count], requests)
        _two_clients(report, running, ways, rows[:1])
        _beside_predict(report, folder, running, ways, rows)


def _started(
    report: Report, folder: Path, environment: dict[str, str], rows: Rows, stack: ExitStack
) -> tuple[dict[str, Running], list[Way]]:
    """Every server that answers rightly, by name, and the ways to ask them; ours first."""
    (folder / "nothing.py").write_text(NOTHING)
    ways = peers.our_ways(peers.ours(folder, environment))
    plain = peers.uvicorn("ours, any uvicorn", "app", folder, environment)
    nothing = peers.uvicorn("a server that does nothing", "nothing", folder, environment)
    ways.append(Way(plain.name, plain, ways[0].request, b'"predictions"'))
    ways.append(Way(nothing.name, nothing, ways[0].request, b"{}"))
    for name in (*peers.HERE, *peers.PINNED):
        try:
            ways.append(peers.peer(name, folder, environment))
        except FAILS as error:
            report.missing(peers.title(name), error)
    running: dict[str, Running] = {}
    for way in list(ways):
        if way.server.name in running:
            continue
        server = Running(way.server)
        stack.callback(server.stop)
        try:
            server.first(way, rows[:1])
            running[way.server.name] = server
        except FAILS as error:
            report.missing(_title(way), error)
            ways.remove(way)
    return running, ways


def _compared(report: Report, running: dict[str, Running], ways: list[Way], rows: Rows, requests: int) -> None:
    count = len(rows)
    unfit = MANY_ROWS_ONLY if count == 1 else ONE_ROW_ONLY
    questions = {way.name: way.request(rows) for way in ways if way.name not in unfit}
    times: dict[str, list[float]] = {name: [] for name in questions}
    cpu = dict.fromkeys(questions, 0.0)
    for block in range(BLOCKS + 1):
        for way in [way for way in ways if way.name in questions]:
            try:
                spent, used = _block(running[way.server.name], questions[way.name], requests)
            except FAILS as error:
                report.missing(f"{_title(way)}, {count:,} rows", error)
                del questions[way.name], times[way.name]
                continue
            if block:
                times[way.name] += spent
                cpu[way.name] += used
    label = f"{count:,} row{'s' if count > 1 else ''}"
    middle = {name: statistics.median(values) for name, values in times.items()}
    titles = {way.name: _title(way) for way in ways}
    for name, values in times.items():
        report.add(f"{titles[name]}: {label}, p50", middle[name] * 1e3, "ms")
        if count == 1:
            report.add(f"{titles[name]}: {label}, p99", statistics.quantiles(values, n=100)[98] * 1e3, "ms")
        report.add(f"{titles[name]}: {label}, CPU", cpu[name] / len(values) * 1e3, "ms")
    suffix = "" if count == 1 else f"_{count}_rows"
    own = [name for name in middle if name.startswith("ours") and name not in (*ONE_ROW_ONLY, "ours, raw V2 tensors")]
    best = min(own, key=middle.__getitem__)
    for name in (*peers.HERE, *peers.PINNED):
        if name in middle:
            report.ratio(f"{name}_over_ours{suffix}", middle[name] / middle[best])


def _block(server: Running, request: bytes, requests: int) -> tuple[list[float], float]:
    """(seconds of each request, CPU of all)."""
    server.connect()
    before, times = server.cpu(), []
    for _ in range(requests):
        started = time.perf_counter()
        status, content = server.ask(request)
        times.append(time.perf_counter() - started)
        if status != 200:
            raise Missing(f"{status} {content[:200]!r}")
        if sum(times) > BLOCK_SECONDS:
            break
    return times, server.cpu() - before


def _two_clients(report: Report, running: dict[str, Running], ways: list[Way], rows: Rows) -> None:
    """Each server alone with its two clients, in turn."""
    asked = {way.name: way for way in ways if way.name not in MANY_ROWS_ONLY}
    found: dict[str, list[load.Load]] = {name: [] for name in asked}
    for _ in range(TOGETHER):
        for name, way in list(asked.items()):
            try:
                found[name].append(load.measured(running[way.server.name], way.request(rows), TOGETHER_SECONDS))
            except FAILS as error:
                report.missing(f"{_title(way)}, two clients", error)
                del asked[name]
    by, a_second = f"two clients ({load.client()})", {}
    for name, way in asked.items():
        a_second[name] = statistics.median(each.a_second for each in found[name])
        report.add(f"{_title(way)}: {by}, p99", statistics.median(each.p99 for each in found[name]) * 1e3, "ms")
        report.add(f"{_title(way)}: {by}, throughput", a_second[name], "a second")
    for name in (*peers.HERE, *peers.PINNED):
        if name in a_second and "ours" in a_second:
            report.ratio(f"ours_over_{name}_throughput", a_second["ours"] / a_second[name])


def _beside_predict(report: Report, folder: Path, running: dict[str, Running], ways: list[Way], rows: Rows) -> None:
    """The largest batch as raw tensors, and the model alone on the same numbers."""
    import numpy as np

    from toolkit.domain import digest
    from toolkit.serving.model import load

    raw = next((way for way in ways if way.name == "ours, raw V2 tensors"), None)
    if raw is None:
        return
    loaded = load(folder / "model", digest.of_file(folder / "model" / "manifest.json"))
    columns = list(np.asarray(rows, dtype=np.float32).T.copy())
    server, request = running[raw.server.name], raw.request(rows)
    server.connect()
    times: dict[str, list[float]] = {"server": [], "alone": []}
    works: dict[str, Callable[[], object]] = {
        "server": lambda: server.ask(request),
        "alone": lambda: loaded.answer(columns, len(rows)),
    }
    for block in range(BLOCKS + 1):
        for name, work in works.items():
            for _ in range(5):
                started = time.perf_counter()
                work()
                if block:
                    times[name].append(time.perf_counter() - started)
    served, alone = (statistics.median(values) for values in times.values())
    report.add("predict alone, 10,000 rows in memory", alone * 1e3, "ms")
    report.add("the same as raw tensors over HTTP", served * 1e3, "ms")
    report.ratio("raw_tensors_over_predict_alone", served / alone)


def _title(way: Way) -> str:
    return peers.title(way.name) if way.name in (*peers.HERE, *peers.PINNED) else way.name


def _in_process(report: Report, folder: Path, environment: dict[str, str], row: list[float]) -> None:
    """The ASGI applications called directly, then as functions."""
    os.environ.update(environment)
    sys.path.insert(0, str(folder))
    ours, theirs = importlib.import_module("app").application, importlib.import_module("with_onnx").application
    body = json.dumps(model.records([row])).encode()
    validated = ours.validator.batch(body).row

    async def predict() -> None:
        ours.model.answer_row(validated)

    calls = {"ours": _caller(ours, body), peers.title("fastapi_onnxruntime"): _caller(theirs, body)}
    found = asyncio.run(_blocks({**calls, "our model alone": predict}))
    for name, seconds in found.items():
        report.add(f"{name}, called in process, 1 row", seconds * 1e3, "ms")
    mine, other, _ = found.values()
    report.ratio("fastapi_over_ours_in_process", other / mine)
    _in_lambda(report, folder, ours, body)


def _in_lambda(report: Report, folder: Path, application: Any, body: bytes) -> None:
    """What Mangum and the application add, a call, to a handler that only reads, predicts and writes JSON."""
    from mangum import Mangum

    application.batching = None  # as in a function
    event = _event(body)
    handlers: dict[str, Callable[..., Any]] = {
        "a bare handler": _bare(folder),
        "Mangum and ours": Mangum(application, lifespan="off"),
        "Mangum around nothing": Mangum(_nothing, lifespan="off"),
        "ours without Mangum": _without_mangum(application, body),
    }
    times: dict[str, list[float]] = {name: [] for name in handlers}
    for block in range(2 * BLOCKS):
        for name, handler in handlers.items():
            for _ in range(CALLS):
                started = time.perf_counter()
                answer = handler(event, None)
                if block:
                    times[name].append(time.perf_counter() - started)
            assert answer["statusCode"] == 200, answer
    found = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in found.items():
        report.add(f"{name}, in a function, 1 row", seconds * 1e3, "ms")
    more = found["Mangum and ours"] - found["a bare handler"]
    report.add("Mangum and ours over a bare handler, a call", more * 1e3, "ms")


def _event(body: bytes) -> dict[str, Any]:
    http = {"method": "POST", "path": "/predict", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"}
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": "/predict", "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost", "content-length": str(len(body))},
        "requestContext": {"http": http, "stage": "$default", "requestId": "1", "domainName": "localhost"},
        "body": body.decode(), "isBase64Encoded": False,
    }  # fmt: skip


def _bare(folder: Path) -> Callable[..., dict[str, Any]]:
    import numpy as np
    import onnxruntime as ort

    chosen = ort.SessionOptions()
    chosen.intra_op_num_threads = 1
    session = ort.InferenceSession((folder / "model" / "model.onnx").read_bytes(), chosen)
    names = [found.name for found in session.get_inputs()]

    def bare(event: dict[str, Any], context: object) -> dict[str, Any]:
        row = json.loads(event["body"])["records"][0]
        found = session.run(None, {name: np.array([[row[name]]], dtype=np.float32) for name in names})
        return {"statusCode": 200, "body": json.dumps({"label": found[0].tolist(), "p": found[1].tolist()})}

    return bare


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def _without_mangum(app: Any, body: bytes) -> Callable[..., dict[str, int]]:
    """The application driven by hand: it never waits for anything but its body, which is there."""
    call = _caller(app, body)

    def handler(event: Any, context: Any) -> dict[str, int]:
        try:
            call().__await__().send(None)
        except StopIteration:
            return {"statusCode": 200}
        raise RuntimeError("the application waits")

    return handler


def _caller(app: Any, body: bytes) -> Callable[[], Awaitable[None]]:
    headers = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/predict", "raw_path": b"/predict", "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200

    async def call() -> None:
        await app(dict(scope), receive, send)

    return call


async def _blocks(calls: dict[str, Callable[[], Awaitable[None]]]) -> dict[str, float]:
    """Median seconds of a call of each, in alternating blocks; the first block is warm-up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for block in range(2 * BLOCKS):
        for name, call in calls.items():
            for _ in range(CALLS):
                started = time.perf_counter()
                await call()
                if block:
                    times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in times.items()}


if __name__ == "__main__":
    main()
