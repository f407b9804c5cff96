import pytest

from tests.adapters.aws import stack
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.store import open_store
from toolkit.ports import Settings
from toolkit.ports.store import Store
from toolkit.testing.store import StoreSuite


class TestMinistackStore(StoreSuite):
    provider = PROVIDER
    server = "ministack"
    test_list_goes_past_one_page = None  # type: ignore[assignment]  # a thousand writes more show nothing more than moto's
    # Its listing tells milliseconds where its HEAD tells seconds; S3 tells seconds in both.
    test_list_by_prefix_and_after = None  # type: ignore[assignment]

    @pytest.fixture
    def settings(self) -> Settings:
        return stack.bucket()

    @pytest.fixture
    def store(self, settings: Settings) -> Store:
        return open_store(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Store:
        return open_store(settings)
