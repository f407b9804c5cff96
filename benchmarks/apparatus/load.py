"""Two clients that each ask again as soon as they are answered: wrk where it is at hand, else this process plays them.

A client in Python takes as much of two cores as a quick server and so hides what servers differ in: asked by it, one
that does nothing answers 3.3 times as often as FastAPI with onnxruntime, asked by wrk 4.9 times. Both send the same
bytes over two kept-alive connections, to every server; which of the two it was is in the name of the measure.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
from typing import NamedTuple

from benchmarks.apparatus.environments import Missing
from benchmarks.apparatus.servers import Request, Running

WRK = "wrk"
_SCRIPT = """
init = function(args)
  local file = io.open(args[1], "rb")
  data = file:read("*a")
  file:close()
end
request = function() return data end
done = function(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format("found %d %d %d %d", summary.requests, summary.duration, failed, latency:percentile(99)))
end
"""


class Load(NamedTuple):
    a_second: float
    p99: float  # seconds


def client() -> str:
    return WRK if shutil.which(WRK) else "a client in Python"


def measured(server: Running, request: Request, seconds: int) -> Load:
    """Raises Missing where an answer is not 200, or none comes."""
    times, taken = server.two_clients(request, 20)  # looks at every answer
    if client() == WRK:
        return _by_wrk(server, request, seconds)
    times, taken = server.two_clients(request, max(40, int(20 * seconds / taken)))
    return Load(len(times) / taken, statistics.quantiles(times, n=100)[98])


def _by_wrk(server: Running, request: Request, seconds: int) -> Load:
    script, asked = server.server.folder / "load.lua", server.server.folder / "load.request"
    script.write_text(_SCRIPT)
    asked.write_bytes(request)
    url = f"http://127.0.0.1:{server.port}/"
    command = [WRK, "-t1", "-c2", f"-d{seconds}s", "--timeout", "60s", "-s", str(script), url, "--", str(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 120)
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("found ")]
    if done.returncode or not lines:
        raise Missing(f"wrk: {(done.stderr or done.stdout)[-200:]}")
    requests, microseconds, failed, p99 = map(int, lines[0])
    if failed or not requests:
        raise Missing(f"{server.server.name} under two clients: {failed} of {requests} requests failed")
    return Load(requests / (microseconds / 1e6), p99 / 1e6)
