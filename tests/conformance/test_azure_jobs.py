from collections.abc import Iterator

import pytest

from tests.adapters.azure import site
from toolkit.adapters.azure import PROVIDER
from toolkit.adapters.azure.jobs import ContainerAppJobs, open_jobs
from toolkit.ports import Settings
from toolkit.ports.jobs import Jobs
from toolkit.testing.jobs import JobsSuite

_FITS: type[Jobs] = ContainerAppJobs


@pytest.fixture(scope="module")
def settings() -> Settings:
    return site.make()


@pytest.mark.slow
class TestAzureJobs(JobsSuite):
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
