import pytest

from tests.adapters.azure import microsoft
from toolkit.adapters.azure import PROVIDER
from toolkit.adapters.azure.store import BlobStore, open_store
from toolkit.ports import Settings
from toolkit.ports.store import Store
from toolkit.testing.store import StoreSuite

_FITS: type[Store] = BlobStore


class TestAzureStore(StoreSuite):
    provider = PROVIDER

    @pytest.fixture
    def settings(self) -> Settings:
        return microsoft.bucket()

    @pytest.fixture
    def store(self, settings: Settings) -> Store:
        return open_store(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Store:
        return open_store(settings)
