import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from toolkit.adapters.memory import PROVIDER
from toolkit.adapters.memory.alerts import MemoryAlerts, forget, open_alerts
from toolkit.domain.specs import Alert
from toolkit.ports.alerts import Alerts
from toolkit.testing.alerts import AlertsSuite, Broken, Received

_FITS: type[Alerts] = MemoryAlerts


def _refuses(alert: Alert) -> None:
    raise OSError("https://hooks.example/SECRET refused")


def _never_answers(alert: Alert) -> None:
    time.sleep(6)


class TestMemoryAlerts(AlertsSuite):
    provider = PROVIDER
    patience = 5.0

    @pytest.fixture
    def name(self) -> Iterator[str]:
        name = uuid4().hex
        yield name
        forget(name)

    @pytest.fixture
    def alerts(self, name: str) -> Alerts:
        return open_alerts({"name": name})

    @pytest.fixture
    def received(self, name: str) -> Received:
        return lambda: [alert.incident for alert in MemoryAlerts(name).sent]

    @pytest.fixture
    def broken(self, name: str, received: Received) -> Broken:
        alerts = MemoryAlerts(name, {"refuses": _refuses, "silent": _never_answers}, seconds=0.5)
        return Broken(alerts, frozenset({"refuses", "silent"}), "SECRET", received)
