"""The suite of jobs once more, with settings that send every job to Batch."""

from collections.abc import Iterator

import pytest

from tests.adapters.gcp import google
from toolkit.adapters.gcp import PROVIDER
from toolkit.adapters.gcp.batch import EitherJobs
from toolkit.adapters.gcp.batch_jobs import BatchJobs
from toolkit.adapters.gcp.jobs import open_jobs
from toolkit.ports import Settings
from toolkit.ports.jobs import Jobs
from toolkit.testing.jobs import JobsSuite

_FITS: tuple[type[Jobs], type[Jobs]] = (BatchJobs, EitherJobs)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return google.settings(batch="always")


@pytest.mark.slow
class TestGcpBatch(JobsSuite):
    provider = PROVIDER

    @pytest.fixture
    def jobs(self, settings: Settings) -> Iterator[Jobs]:
        jobs = open_jobs(settings)
        yield jobs
        for status in jobs.list():
            jobs.cancel(status.id)

    @pytest.fixture
    def second(self, settings: Settings) -> Jobs:
        return open_jobs(settings)
