"""The host process: it is started by what needs it, it is one, it is found again, and nothing outlives it."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.adapters.local.hosted import Settings, workers
from tests.support import until
from toolkit.adapters.local import functions as local
from toolkit.adapters.local.functions import LocalFunctions
from toolkit.adapters.local.schedules import open_schedules
from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import HttpRequest, ScheduleSpec
from toolkit.execution.host.process import HostStatus
from toolkit.execution.tree import identity
from toolkit.testing.functions import Deploy, answers
from toolkit.testing.store import at_once

pytestmark = pytest.mark.slow


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
