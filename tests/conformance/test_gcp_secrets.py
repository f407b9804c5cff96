import pytest

from tests.adapters.gcp import google
from toolkit.adapters.gcp import PROVIDER
from toolkit.adapters.gcp.secrets import GcpSecrets, open_secrets
from toolkit.ports import Settings
from toolkit.ports.secrets import Secrets
from toolkit.testing.secrets import SecretsSuite

_FITS: type[Secrets] = GcpSecrets


class TestGcpSecrets(SecretsSuite):
    provider = PROVIDER

    @pytest.fixture
    def settings(self) -> Settings:
        return google.settings()

    @pytest.fixture
    def secrets(self, settings: Settings) -> Secrets:
        return open_secrets(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Secrets:
        return open_secrets(settings)
