import pytest

from tests.adapters.gcp import google
from toolkit.adapters.gcp import PROVIDER
from toolkit.adapters.gcp.metrics import CloudMetrics, open_metrics
from toolkit.ports import Settings
from toolkit.ports.metrics import Metrics
from toolkit.testing.metrics import MetricsSuite

_FITS: type[Metrics] = CloudMetrics


class TestGcpMetrics(MetricsSuite):
    provider = PROVIDER

    @pytest.fixture
    def settings(self) -> Settings:
        return google.settings()

    @pytest.fixture
    def metrics(self, settings: Settings) -> Metrics:
        return open_metrics(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Metrics:
        return open_metrics(settings)
