import pytest

from tests.adapters.aws import stack
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.metrics import open_metrics
from toolkit.ports import Settings
from toolkit.ports.metrics import Metrics
from toolkit.testing.metrics import MetricsSuite


class TestMinistackMetrics(MetricsSuite):
    provider = PROVIDER
    server = "ministack"

    @pytest.fixture
    def settings(self) -> Settings:
        return stack.settings()

    @pytest.fixture
    def metrics(self, settings: Settings) -> Metrics:
        return open_metrics(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Metrics:
        return open_metrics(settings)
