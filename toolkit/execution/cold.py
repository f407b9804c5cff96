"""Start bundles again and again, and say what that costs: `python -m toolkit.execution.cold < request > result`.

A process of its own because the system counts the CPU of ended children per process: nothing else is started here.
Bundles take turns, the first round is not counted, and each start is the real one: a new worker, the runtime client,
one event, the answer. CPU time (user and system, of the worker and all its threads) is what is compared: unlike the
clock it does not depend on who else uses the machine.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from toolkit.execution.aws_lambda import Deployment, Pool, runtimes
from toolkit.execution.aws_lambda.log import FunctionLog

# What `imports` runs: the same path and the same handler, without a runtime client around it.
_SCRIPT = """
import json, sys
root, more, event = sys.argv[1:]
sys.path[:0] = [root, more]
before = set(sys.modules)
print("begin", file=sys.stderr)
import app
class Context:
    aws_request_id = "1"
answer = app.handler(json.loads(event), Context())
print(json.dumps([len(sys.modules.keys() - before), answer]))
import os
sys.stdout.flush()
os._exit(0)
"""


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """`request`: {"roots": name -> folder of an unpacked bundle, "environment", "environments": name -> one of its own,
    "event", "python", "rounds", "warm", "memory_mb"}. The answer, by name: {"cpu": seconds a round, "wall": seconds a
    round, "answer", "warm": seconds a call of one worker}; or {"failed": what went wrong}."""
    event = json.dumps(request["event"]).encode()
    found: dict[str, dict[str, Any]] = {name: {"cpu": [], "wall": [], "warm": []} for name in request["roots"]}
    with tempfile.TemporaryDirectory(prefix="toolkit-cold-") as name:
        folder = Path(name)
        for number in range(request["rounds"] + 1):
            for variant, root in request["roots"].items():
                warm = 0 if number else request.get("warm", 0)  # in the round that is not counted
                environment = request.get("environments", {}).get(variant, request["environment"])
                cpu, wall, calls, answer = _start(folder, Path(root), request, environment, event, warm)
                if answer.get("statusCode") != 200:
                    return {"failed": f"{variant}: {json.dumps(answer)[:500]}"}
                found[variant]["answer"] = answer
                found[variant]["warm"] += calls
                if number:
                    found[variant]["cpu"].append(cpu)
                    found[variant]["wall"].append(wall)
    return found


def _start(
    folder: Path, root: Path, request: dict[str, Any], environment: dict[str, str], event: bytes, warm: int
) -> tuple[float, float, list[float], dict[str, Any]]:
    deployment = Deployment("cold", "1", root, memory_mb=request.get("memory_mb", 1024), environment=environment)
    log = FunctionLog(folder / "log.jsonl")
    before = _cpu()
    pool = Pool(
        deployment, workers=folder / "workers", runtime=folder / "runtime", log=log, python=request.get("python", "")
    )
    try:
        started = time.perf_counter()
        outcome = pool.call(event)
        wall = time.perf_counter() - started
        calls = [_call(pool, event) for _ in range(warm)]
    finally:
        pool.close(5.0)
    answer = json.loads(outcome.payload)
    return _cpu() - before, wall, calls, answer if isinstance(answer, dict) else {"answer": answer}


def _call(pool: Pool, event: bytes) -> float:
    started = time.perf_counter()
    pool.call(event)
    return time.perf_counter() - started


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def imports(root: Path, environment: dict[str, str], event: dict[str, Any], python: str = "") -> dict[str, Any]:
    """{"modules": how many the first answer needs, "times": [[module, microseconds of its own], ...]}."""
    with tempfile.TemporaryDirectory(prefix="toolkit-cold-") as name:
        chosen = runtimes.choose(root, Path(name), python)
        command = [chosen.interpreter.executable, "-I", "-S", "-B", "-X", "importtime", "-c", _SCRIPT]
        done = subprocess.run(
            [*command, str(root), str(chosen.folder), json.dumps(event)],
            env={**environment, "LAMBDA_TASK_ROOT": str(root), "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:0", "TZ": "UTC"},
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return {"failed": done.stderr[-500:]}
    times = []
    for line in done.stderr.partition("begin\n")[2].splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            times.append([rest.partition("|")[2].strip(), int(own)])
    return {"modules": json.loads(done.stdout.splitlines()[-1])[0], "times": times}


def main() -> None:
    request = json.load(sys.stdin)
    found: dict[str, Any] = {"starts": measure(request)}
    profiled = request.get("imports")
    if profiled and "failed" not in found["starts"]:
        root = Path(request["roots"][profiled])
        found["imports"] = imports(root, request["environment"], request["event"], request.get("python", ""))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
