import pytest

from tests.adapters.azure import microsoft
from toolkit.adapters.azure import PROVIDER
from toolkit.adapters.azure.secrets import VaultSecrets, open_secrets
from toolkit.ports import Settings
from toolkit.ports.secrets import Secrets
from toolkit.testing.secrets import SecretsSuite

_FITS: type[Secrets] = VaultSecrets


class TestAzureSecrets(SecretsSuite):
    provider = PROVIDER

    @pytest.fixture
    def settings(self) -> Settings:
        return microsoft.settings()

    @pytest.fixture
    def secrets(self, settings: Settings) -> Secrets:
        return open_secrets(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Secrets:
        return open_secrets(settings)
