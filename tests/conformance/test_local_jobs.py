from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.adapters.local import PROVIDER
from toolkit.adapters.local.jobs import LocalJobs, open_jobs
from toolkit.ports.jobs import Jobs
from toolkit.testing.jobs import JobsSuite

_FITS: type[Jobs] = LocalJobs


@pytest.mark.slow
class TestLocalJobs(JobsSuite):
    provider = PROVIDER

    @pytest.fixture
    def jobs(self, tmp_path: Path) -> Iterator[Jobs]:
        jobs = open_jobs({"host": str(tmp_path / "host")})
        yield jobs
        for status in jobs.list():
            jobs.cancel(status.id)

    @pytest.fixture
    def second(self, tmp_path: Path) -> Jobs:
        return open_jobs({"host": str(tmp_path / "host"), "python": ""})
