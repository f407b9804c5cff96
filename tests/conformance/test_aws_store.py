import pytest

from tests.adapters.aws import cloud
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.store import S3Store, open_store
from toolkit.ports import Settings
from toolkit.ports.store import Store
from toolkit.testing.store import StoreSuite

_FITS: type[Store] = S3Store


class TestAwsStore(StoreSuite):
    provider = PROVIDER

    @pytest.fixture
    def settings(self) -> Settings:
        return cloud.bucket()

    @pytest.fixture
    def store(self, settings: Settings) -> Store:
        return open_store(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Store:
        return open_store(settings)
