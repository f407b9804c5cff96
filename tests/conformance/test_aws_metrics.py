import pytest

from tests.adapters.aws import cloud, live
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.metrics import CloudWatchMetrics, open_metrics
from toolkit.ports import Settings
from toolkit.ports.metrics import Metrics
from toolkit.testing.metrics import MetricsSuite

_FITS: type[Metrics] = CloudWatchMetrics


class TestAwsMetrics(MetricsSuite):
    provider = PROVIDER

    def settle(self) -> None:
        live.settle()

    @pytest.fixture
    def settings(self) -> Settings:
        return cloud.settings()

    @pytest.fixture
    def metrics(self, settings: Settings) -> Metrics:
        return open_metrics(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Metrics:
        return open_metrics(settings)
