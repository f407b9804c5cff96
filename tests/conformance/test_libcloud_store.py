from pathlib import Path

import pytest

from tests.adapters.aws import cloud
from tests.adapters.libcloud import long_tail
from toolkit.adapters.libcloud import PROVIDER
from toolkit.adapters.libcloud.settings import LibcloudSettings
from toolkit.adapters.libcloud.store import LibcloudStore, open_store
from toolkit.ports import Settings
from toolkit.ports.store import Store
from toolkit.testing.store import StoreSuite

_FITS: type[Store] = LibcloudStore


class _Opened(StoreSuite):
    provider = PROVIDER

    @pytest.fixture
    def store(self, settings: Settings) -> Store:
        return open_store(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Store:
        return open_store(settings)


class TestLibcloudFolder(_Opened):
    server = "a folder"

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        (tmp_path / "top" / "models").mkdir(parents=True)
        return LibcloudSettings(driver="local", container="models", folder=str(tmp_path / "top")).model_dump()


class TestLibcloudS3(_Opened):
    server = "S3 on moto"

    @pytest.mark.exhaustive  # a thousand objects of four requests each
    def test_list_goes_past_one_page(self, store: Store) -> None:
        super().test_list_goes_past_one_page(store)

    @pytest.fixture
    def settings(self, monkeypatch: pytest.MonkeyPatch) -> Settings:
        return long_tail.s3(cloud.bucket(), monkeypatch)


class TestLibcloudAzure(_Opened):
    server = "Azurite"

    @pytest.mark.exhaustive
    def test_list_goes_past_one_page(self, store: Store) -> None:
        super().test_list_goes_past_one_page(store)

    @pytest.fixture
    def settings(self, monkeypatch: pytest.MonkeyPatch) -> Settings:
        return long_tail.azurite(monkeypatch)
