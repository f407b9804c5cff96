"""Our server beside the ones people use, one model in all of them, in one run: cold, warm, and CPU a request.

`mlflow models serve`, BentoML and MLServer each run in an environment of their own, made once with uv under the user's
cache (several GB and minutes the first time) in the versions below; FastAPI with scikit-learn and with onnxruntime run
in this one. The model is HistGradientBoosting, 100 trees, 30 features, one worker everywhere. Every first answer is
checked. Requests alternate in blocks, so that a noisy machine is noisy for all. CPU is that of the server's whole tree
of processes, which is what a host bills. Ours has validation, digest checks, capture and metrics on.

python -m benchmarks.peers [--json] [--only NAME,NAME]
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import serving
from benchmarks.report import Report

SERVE = Path(__file__).parents[1] / "functions" / "inference" / "serve.py"
ROUNDS_COLD = 3
BLOCKS = 6
REQUESTS = {1: 150, 100: 30, 10_000: 3}
PINNED = {
    "mlflow": ("mlflow==3.17.2",),
    "bentoml": ("bentoml==1.4.39",),
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop<0.22"),
}
BENTO = """
import os
import bentoml
import joblib
import numpy as np

@bentoml.service(workers=1)
class Bench:
    def __init__(self):
        self.model = joblib.load(os.environ["PEER_JOBLIB"])

    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[float]:
        return self.model.predict_proba(np.asarray(rows))[:, 1].tolist()
"""
MLFLOW = "import joblib, mlflow.sklearn, sys; mlflow.sklearn.save_model(joblib.load(sys.argv[1]), sys.argv[2])"
SKLEARN = """
import os
import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["PEER_JOBLIB"])
application = FastAPI()

class Body(BaseModel):
    rows: list[list[float]]

@application.post("/predict")
async def predict(body: Body) -> list[float]:
    return model.predict_proba(np.asarray(body.rows))[:, 1].tolist()
"""


@dataclass
class Peer:
    """How a server is started and asked. `body` makes a request of rows; `command` is given a port."""

    name: str
    command: Callable[[int], list[str]]
    path: str
    body: Callable[[list[list[float]]], Any]
    expected: Callable[[bytes], bool]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    cold: list[float] = field(default_factory=list)


class Running:
    """One server process tree and one kept-alive connection to it."""

    def __init__(self, peer: Peer) -> None:
        self.peer, self.port = peer, _free_port()
        self.process = subprocess.Popen(
            peer.command(self.port), cwd=peer.folder, env={**os.environ, **peer.environment}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.socket: socket.socket | None = None

    def first(self, request: bytes) -> float:
        """Seconds from the spawn to the first right answer."""
        started, until = time.perf_counter(), time.monotonic() + 120
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.connect()
                status, content = self.ask(request)
                if status == 200:
                    if not self.peer.expected(content):
                        raise RuntimeError(f"{self.peer.name} answers wrongly: {content[:300]!r}")
                    return time.perf_counter() - started
            except (OSError, ValueError):
                pass
            time.sleep(0.005)
        raise RuntimeError(f"{self.peer.name} did not answer")

    def connect(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes, on: socket.socket | None = None) -> tuple[int, bytes]:
        """(status, body) of one request over one connection."""
        used = on or self.socket
        assert used is not None
        used.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += _received(used)
        head, _, content = data.partition(b"\r\n\r\n")
        lower = head.lower()
        if b"content-length:" in lower:
            length = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0])
            parts, missing = [content], length - len(content)
            while missing > 0:
                parts.append(_received(used))
                missing -= len(parts[-1])
            return int(head.split()[1]), b"".join(parts)
        while not content.endswith(b"0\r\n\r\n"):
            content += _received(used)
        return int(head.split()[1]), content

    def cpu(self) -> float:
        """Seconds of CPU of the process and its children."""
        return sum(_cpu(pid) for pid in _tree(self.process.pid))

    def stop(self) -> None:
        """End the whole tree: some supervisors leave workers behind that would answer for the next."""
        pids = _tree(self.process.pid)
        if self.socket is not None:
            self.socket.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in reversed(pids):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                continue


def main(argv: list[str]) -> None:
    only = argv[argv.index("--only") + 1].split(",") if "--only" in argv else None
    report = Report("Servers of the same model (30 features, gradient boosted trees), in one run")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digest, sample = serving._models(folder)
        rows = [list(sample[i % len(sample)].values()) for i in range(max(REQUESTS))]
        peers = _peers(folder, digest, rows, only)
        _cold(report, peers, rows)
        _warm(report, peers, rows)
    for peer in PINNED:
        if any(p.name == peer for p in peers):
            print(f"{peer}: {', '.join(PINNED[peer])}", file=sys.stderr)
    report.show(argv)


def _peers(folder: Path, digest: str, rows: list[list[float]], only: list[str] | None) -> list[Peer]:
    """Ours first."""
    joblib = str(folder / "model.joblib")
    environment = {**serving._environment(folder, digest), "PEER_JOBLIB": joblib}
    runtime = json.loads(environment["TOOLKIT_RUNTIME"])
    runtime["values"] |= {"limits": {"max_body": 64 * 1024**2}}
    environment["TOOLKIT_RUNTIME"] = json.dumps(runtime)
    (folder / "skl.py").write_text(SKLEARN)
    (folder / "app.py").write_text(serving.OURS)
    (folder / "serve.py").write_bytes(SERVE.read_bytes())
    (folder / "service.py").write_text(BENTO)
    names = [f"x{i}" for i in range(serving.FEATURES)]

    def records(given: list[list[float]]) -> Any:
        return {"records": [dict(zip(names, row, strict=True)) for row in given]}

    def columns(given: list[list[float]]) -> Any:
        return {"columns": dict(zip(names, map(list, zip(*given, strict=True)), strict=True))}

    def plain(given: list[list[float]]) -> Any:
        return {"rows": given}

    def python(*arguments: str) -> Callable[[int], list[str]]:
        return lambda port: [sys.executable, "-m", *arguments, "--port", str(port), "--host", "127.0.0.1"]

    def container(port: int) -> list[str]:
        return ["env", f"PORT={port}", "TOOLKIT_BIND=127.0.0.1", sys.executable, "serve.py"]

    quiet = ("--log-level", "error", "--no-access-log")
    found = [
        Peer("ours", container, "/predict", records, _has(b'"predictions"'), folder, environment),
        Peer("ours, columns", container, "/predict", columns, _has(b'"predictions"'), folder,
             environment),
        Peer("fastapi+onnxruntime", python("uvicorn", "peer:application", *quiet), "/predict", records,
             _has(b'"predictions"'), folder, environment),
        Peer("fastapi+sklearn", python("uvicorn", "skl:application", *quiet), "/predict", plain, _has(b"["), folder,
             environment),
        *_others(folder, joblib, environment, plain, only),
    ]  # fmt: skip
    return [peer for peer in found if only is None or peer.name in only or peer.name.startswith("ours")]


def _others(
    folder: Path, joblib: str, environment: dict[str, str], plain: Callable[[Any], Any], only: list[str] | None
) -> list[Peer]:
    """The three with environments of their own. They see nothing of this checkout."""
    alone = {**environment, "PYTHONPATH": str(folder), "BENTOML_DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "1"}
    found = []
    if only is None or "mlflow" in only:
        home = _home("mlflow")
        subprocess.run([home / "bin" / "python", "-c", MLFLOW, joblib, folder / "mlflow"], check=True)

        def mlflow(port: int) -> list[str]:
            run = [str(home / "bin" / "mlflow"), "models", "serve", "-m", str(folder / "mlflow")]
            return [*run, "-h", "127.0.0.1", "-p", str(port), "--env-manager", "local"]

        path = {"PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
        found.append(
            Peer("mlflow", mlflow, "/invocations", lambda r: {"inputs": r}, _has(b"predictions"), folder, alone | path)
        )
    if only is None or "bentoml" in only:
        home_bento = _home("bentoml")

        def bento(port: int) -> list[str]:
            run = [str(home_bento / "bin" / "bentoml"), "serve", "service:Bench"]
            return [*run, "--host", "127.0.0.1", "--port", str(port)]

        found.append(Peer("bentoml", bento, "/predict", plain, _has(b"["), folder, alone))
    if only is None or "mlserver" in only:
        home_mlserver = _home("mlserver")

        def mlserver(port: int) -> list[str]:
            place = folder / f"mlserver-{port}"
            place.mkdir()
            settings = {"parallel_workers": 0, "host": "127.0.0.1", "http_port": port, "grpc_port": _free_port()}
            (place / "settings.json").write_text(json.dumps({**settings, "metrics_port": _free_port()}))
            model = {"name": "bench", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": joblib}}
            (place / "model-settings.json").write_text(json.dumps(model))
            return [str(home_mlserver / "bin" / "mlserver"), "start", str(place)]

        found.append(Peer("mlserver", mlserver, "/v2/models/bench/infer", _v2, _has(b"outputs"), folder, alone))
    return found


def _v2(rows: list[list[float]]) -> Any:
    flat = [value for row in rows for value in row]
    tensor = {"name": "predict", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": flat}
    return {"inputs": [tensor], "outputs": [{"name": "predict_proba"}]}


def _home(name: str) -> Path:
    """The environment of a peer, made on first use for these versions and this model's scikit-learn."""
    import hashlib

    from platformdirs import user_cache_path
    from uv import find_uv_bin

    packages = [*PINNED[name], *(f"{p}=={metadata.version(p)}" for p in ("scikit-learn", "joblib"))]
    key = hashlib.sha256(" ".join([sys.version, *packages]).encode()).hexdigest()[:12]
    home = user_cache_path("driftloop") / "peers" / f"{name}-{key}"
    if not (home / "complete").exists():
        print(f"making the environment of {name} in {home}", file=sys.stderr)
        uv = find_uv_bin()
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, home], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", home / "bin" / "python"]
        subprocess.run([*install, *packages], check=True)
        (home / "complete").touch()
    return home


def _cold(report: Report, peers: list[Peer], rows: list[list[float]]) -> None:
    for number in range(ROUNDS_COLD + 1):
        for peer in peers:
            if peer.name == "ours, columns":
                continue
            running = Running(peer)
            try:
                seconds = running.first(_request(peer, rows[:1]))
            finally:
                running.stop()
            if number:
                peer.cold.append(seconds)
    found = {peer.name: statistics.median(peer.cold) for peer in peers if peer.cold}
    for name, seconds in found.items():
        report.add(f"{name}, spawn to first answer", seconds * 1e3, "ms")
    for name, seconds in found.items():
        if name != "ours":
            report.ratio(f"{_key(name)}_over_ours_cold", seconds / found["ours"])


def _warm(report: Report, peers: list[Peer], rows: list[list[float]]) -> None:
    running = {peer.name: Running(peer) for peer in peers}
    try:
        for server in running.values():
            server.first(_request(server.peer, rows[:1]))
        for count, requests in REQUESTS.items():
            _compared(report, running, rows, count, requests)
        for server in running.values():
            p99 = _two_clients(server, _request(server.peer, rows[:1]))
            report.add(f"{server.peer.name}, 1 row, p99 of two clients", p99 * 1e3, "ms")
    finally:
        for server in running.values():
            server.stop()


def _compared(report: Report, running: dict[str, Running], rows: list[list[float]], count: int, requests: int) -> None:
    questions = {name: _request(server.peer, rows[:count]) for name, server in running.items()}
    times: dict[str, list[float]] = {name: [] for name in running}
    cpu = dict.fromkeys(running, 0.0)
    for block in range(BLOCKS + 1):
        for name, server in running.items():
            server.connect()  # the last one was closed while others were asked
            before = server.cpu()
            for _ in range(requests):
                started = time.perf_counter()
                status, content = server.ask(questions[name])
                seconds = time.perf_counter() - started
                if status != 200:
                    raise RuntimeError(f"{name}, {count} rows: {status} {content[:300]!r}")
                if block:
                    times[name].append(seconds)
            if block:
                cpu[name] += server.cpu() - before
    label = f"{count:,} row{'s' if count > 1 else ''}"
    middle = {name: statistics.median(values) for name, values in times.items()}
    spent = {name: used / (BLOCKS * requests) for name, used in cpu.items()}
    for name in running:
        report.add(f"{name}, {label}, p50", middle[name] * 1e3, "ms")
        report.add(f"{name}, {label}, CPU a request", spent[name] * 1e3, "ms")
    best = min((name for name in running if name.startswith("ours")), key=middle.__getitem__)
    for name in running:
        if not name.startswith("ours"):
            suffix = "" if count == 1 else f"_{count}_rows"
            report.ratio(f"{_key(name)}_over_ours{suffix}", middle[name] / middle[best])
            if spent[best]:
                report.ratio(f"{_key(name)}_over_ours{suffix}_cpu", spent[name] / spent[best])


def _two_clients(server: Running, request: bytes) -> float:
    times: list[float] = []

    def client() -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as own:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(300):
                started = time.perf_counter()
                server.ask(request, own)
                times.append(time.perf_counter() - started)

    threads = [threading.Thread(target=client) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.quantiles(times, n=100)[98]


def _request(peer: Peer, rows: list[list[float]]) -> bytes:
    body = json.dumps(peer.body(rows)).encode()
    lines = [f"POST {peer.path} HTTP/1.1", "host: localhost", "content-type: application/json"]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def _has(part: bytes) -> Callable[[bytes], bool]:
    return lambda content: part in content


def _key(name: str) -> str:
    return name.replace("+", "_")


def _received(used: socket.socket) -> bytes:
    data = used.recv(1 << 20)
    if not data:
        raise OSError("the server closed the connection")
    return data


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _tree(pid: int) -> list[int]:
    """`pid` and what it started, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(sys.argv[1:])
