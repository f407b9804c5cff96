from collections.abc import Iterator
from uuid import uuid4

import pytest

from toolkit.adapters.memory import PROVIDER
from toolkit.adapters.memory.metrics import MemoryMetrics, forget, open_metrics
from toolkit.ports.metrics import Metrics
from toolkit.testing.metrics import MetricsSuite

_FITS: type[Metrics] = MemoryMetrics


class TestMemoryMetrics(MetricsSuite):
    provider = PROVIDER

    @pytest.fixture
    def name(self) -> Iterator[str]:
        name = uuid4().hex
        yield name
        forget(name)

    @pytest.fixture
    def metrics(self, name: str) -> Metrics:
        return open_metrics({"name": name})

    @pytest.fixture
    def second(self, name: str) -> Metrics:
        return open_metrics({"name": name})
