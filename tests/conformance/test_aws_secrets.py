import pytest

from tests.adapters.aws import cloud
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.secrets import AwsSecrets, open_secrets
from toolkit.ports import Settings
from toolkit.ports.secrets import Secrets
from toolkit.testing.secrets import SecretsSuite

_FITS: type[Secrets] = AwsSecrets


class TestAwsSecrets(SecretsSuite):
    provider = PROVIDER

    @pytest.fixture
    def settings(self) -> Settings:
        return cloud.settings()

    @pytest.fixture
    def secrets(self, settings: Settings) -> Secrets:
        return open_secrets(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Secrets:
        return open_secrets(settings)
