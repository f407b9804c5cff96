import pytest

from tests.state.crashes import dataset
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.state.datasets import Datasets


def test_versions_in_the_order_they_became_the_latest(store: MemoryStore) -> None:
    datasets = Datasets(store)
    for version in ("d1", "d2", "d3"):
        assert datasets.save(dataset(version)) == dataset(version)
    assert datasets.latest("flights").version == "d3"
    assert [found.version for found in datasets.list("flights")] == ["d3", "d2", "d1"]
    assert datasets.get("flights", "d2") == dataset("d2")


def test_the_same_version_again_changes_nothing(store: MemoryStore) -> None:
    datasets = Datasets(store)
    datasets.save(dataset("d1"))
    before = [meta.key for meta in store.list()]
    assert datasets.save(dataset("d1", source="elsewhere.csv", created="2027-01-01T00:00:00Z")) == dataset("d1")
    assert [meta.key for meta in store.list()] == before


def test_data_that_comes_back_is_the_latest_again(store: MemoryStore) -> None:
    datasets = Datasets(store)
    for version in ("d1", "d2", "d1"):
        datasets.save(dataset(version))
    assert datasets.latest("flights").version == "d1"
    assert [found.version for found in datasets.list("flights")] == ["d1", "d2"]


def test_what_is_not_there(store: MemoryStore) -> None:
    datasets = Datasets(store)
    assert datasets.list("flights") == ()
    with pytest.raises(NotFound, match="no dataset flights"):
        datasets.latest("flights")
    with pytest.raises(NotFound, match="no version d9"):
        datasets.get("flights", "d9")
    with pytest.raises(ConfigError):
        datasets.get("Flights!", "d9")
