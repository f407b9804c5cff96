import pytest

from tests.adapters.aws import seaweedfs
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.store import open_store
from toolkit.ports import Settings
from toolkit.ports.store import Store
from toolkit.testing.store import StoreSuite


class TestSeaweedfsStore(StoreSuite):
    """An S3 server on one's own machines, behind `endpoint` and `listing = "folders"`."""

    provider = PROVIDER
    server = "SeaweedFS"
    # A file cannot be a folder. tests/journeys/test_hybrid.py shows that no key of ours asks for it.
    test_a_key_may_be_the_beginning_of_another = None  # type: ignore[assignment]

    @pytest.fixture
    def settings(self) -> Settings:
        return seaweedfs.folder()

    @pytest.fixture
    def store(self, settings: Settings) -> Store:
        return open_store(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Store:
        return open_store(settings)
