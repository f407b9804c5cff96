import pytest

from tests.adapters.aws import stack
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.secrets import open_secrets
from toolkit.ports import Settings
from toolkit.ports.secrets import Secrets
from toolkit.testing.secrets import SecretsSuite


class TestMinistackSecrets(SecretsSuite):
    provider = PROVIDER
    server = "ministack"

    @pytest.fixture
    def settings(self) -> Settings:
        return stack.settings()

    @pytest.fixture
    def secrets(self, settings: Settings) -> Secrets:
        return open_secrets(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Secrets:
        return open_secrets(settings)
