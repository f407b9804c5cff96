from pathlib import Path

import pytest

from toolkit.adapters.local import PROVIDER
from toolkit.adapters.local.metrics import LocalMetrics, open_metrics
from toolkit.ports.metrics import Metrics
from toolkit.testing.metrics import MetricsSuite

_FITS: type[Metrics] = LocalMetrics


class TestLocalMetrics(MetricsSuite):
    provider = PROVIDER

    @pytest.fixture
    def metrics(self, tmp_path: Path) -> Metrics:
        return open_metrics({"host": str(tmp_path / "host")})

    @pytest.fixture
    def second(self, tmp_path: Path) -> Metrics:
        return open_metrics({"host": str(tmp_path / "host")})
