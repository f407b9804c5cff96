from collections.abc import Iterator
from uuid import uuid4

import pytest

from toolkit.adapters.memory import PROVIDER
from toolkit.adapters.memory.jobs import MemoryJobs, forget, open_jobs
from toolkit.ports.jobs import Jobs
from toolkit.testing.jobs import JobsSuite

_FITS: type[Jobs] = MemoryJobs


@pytest.mark.slow
class TestMemoryJobs(JobsSuite):
    provider = PROVIDER

    @pytest.fixture
    def name(self) -> Iterator[str]:
        name = uuid4().hex
        yield name
        forget(name)

    @pytest.fixture
    def jobs(self, name: str) -> Jobs:
        return open_jobs({"name": name})

    @pytest.fixture
    def second(self, name: str) -> Jobs:
        return open_jobs({"name": name})
