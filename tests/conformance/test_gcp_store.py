import pytest

from tests.adapters.gcp import google
from toolkit.adapters.gcp import PROVIDER
from toolkit.adapters.gcp.store import GcsStore, open_store
from toolkit.ports import Settings
from toolkit.ports.store import Store
from toolkit.testing.store import StoreSuite

_FITS: type[Store] = GcsStore


class TestGcpStore(StoreSuite):
    provider = PROVIDER

    @pytest.fixture
    def settings(self) -> Settings:
        return google.bucket()

    @pytest.fixture
    def store(self, settings: Settings) -> Store:
        return open_store(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Store:
        return open_store(settings)
