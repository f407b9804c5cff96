import pytest

from tests.adapters.azure import microsoft
from toolkit.adapters.azure import PROVIDER
from toolkit.adapters.azure.metrics import TableMetrics, open_metrics
from toolkit.ports import Settings
from toolkit.ports.metrics import Metrics
from toolkit.testing.metrics import MetricsSuite

_FITS: type[Metrics] = TableMetrics


class TestAzureMetrics(MetricsSuite):
    provider = PROVIDER

    @pytest.fixture
    def settings(self) -> Settings:
        return microsoft.settings()

    @pytest.fixture
    def metrics(self, settings: Settings) -> Metrics:
        return open_metrics(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Metrics:
        return open_metrics(settings)
