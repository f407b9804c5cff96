from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.adapters.aws import live, operator_site
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.jobs import BatchJobs, open_jobs
from toolkit.ports import Settings
from toolkit.ports.jobs import Jobs
from toolkit.testing.jobs import JobsSuite

_FITS: type[Jobs] = BatchJobs


@pytest.fixture(scope="module")
def settings() -> Settings:
    return operator_site.make()


@pytest.mark.slow
class TestAwsJobs(JobsSuite):
    provider = PROVIDER
    patience: ClassVar = live.JOB_SECONDS if live.session else JobsSuite.patience

    @pytest.fixture
    def jobs(self, settings: Settings) -> Iterator[Jobs]:
        jobs = open_jobs(settings)
        yield jobs
        for status in jobs.list():
            jobs.cancel(status.id)

    @pytest.fixture
    def second(self, settings: Settings) -> Jobs:
        return open_jobs(settings)
