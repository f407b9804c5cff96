from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from toolkit.adapters.memory import jobs as memory
from toolkit.adapters.memory.jobs import forget, open_jobs
from toolkit.adapters.memory.settings import MemorySettings
from toolkit.adapters.memory.store import forget as forget_store
from toolkit.adapters.memory.store import open_store
from toolkit.domain.specs import JobSpec
from toolkit.execution import tree


@pytest.fixture
def name() -> Iterator[str]:
    name = uuid4().hex
    yield name
    forget(name)
    forget_store(name)


def test_here_a_job_sees_the_same_memory_and_has_ended_when_submitted(
    name: str, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "memory_probe_" + name
    with open(os.path.join(tmp_path, f"{module}.py"), "w") as stream:  # noqa: PTH118, PTH123
        stream.write(
            "import os, sys\nfrom toolkit.adapters.memory.store import open_store\n"
            "open_store({'name': os.environ['NAME']}).put('from/job', sys.argv[1].encode())\nprint('done')"
        )
    monkeypatch.syspath_prepend(tmp_path)
    jobs = open_jobs(MemorySettings(name=name, jobs="here").model_dump())
    status = jobs.submit(JobSpec(name="a", module=module, arguments=("hello",), environment={"NAME": name}))
    assert (status.state, status.exit_code) == ("succeeded", 0)
    assert open_store({"name": name}).get("from/job").data == b"hello"
    assert [line.text for line in jobs.logs("a", follow=True)] == ["done"]
    sys.modules.pop(module, None)


@pytest.mark.slow
def test_forgetting_ends_what_runs(name: str) -> None:
    jobs = open_jobs({"name": name})
    jobs.submit(JobSpec(name="a", module="toolkit.testing.probe_job", arguments=("print=up", "sleep=60")))
    next(iter(jobs.logs("a", follow=True)))
    forget(name)
    assert name not in memory._WORLDS
    mine = [process for process in tree.table().values() if process.parent == os.getpid()]
    assert not [p for p in mine if b"toolkit.testing.probe_job" in _arguments(p.pid)]


def test_what_breaks_the_runner_fails_the_job(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(spec: JobSpec, job: object) -> None:
        raise OSError("no room")

    jobs = open_jobs({"name": name})
    monkeypatch.setattr(jobs, "_run", broken)
    jobs.submit(JobSpec(name="a"))
    list(jobs.logs("a", follow=True))
    assert (jobs.status("a").state, jobs.status("a").reason) == ("failed", "could not be run: OSError: no room")


def _arguments(pid: int) -> list[bytes]:
    with open(f"/proc/{pid}/cmdline", "rb") as stream:  # noqa: PTH123
        return stream.read().split(b"\0")
