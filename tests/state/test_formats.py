"""Every record that state reads is refused when a newer version wrote it, with what to install."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.state.crashes import NOW, WHO, dataset, release, run_end, run_spec
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.errors import NewerFormat
from toolkit.ports.store import Store
from toolkit.state import keys
from toolkit.state.datasets import Datasets
from toolkit.state.incidents import Incidents
from toolkit.state.leases import Leases
from toolkit.state.registry import Registry
from toolkit.state.releases import Releases
from toolkit.state.runs import Runs
from toolkit.state.triggers import Triggers


def fill(store: Store) -> None:
    Datasets(store).save(dataset("d1"))
    Registry(store, "flights").register("1" * 64, "r1", {}, op="o", **WHO)
    Releases(store, "prod", "flights").record(release(1))
    Triggers(store, "flights").request("drift", "w1", **WHO)
    Incidents(store, "prod", "flights").observe("drift", True, title="drift", time=NOW)
    Leases(store).acquire("x", "ann", 60)
    for run_id in ("r1", "r2"):
        Runs(store).create(run_spec(run_id))
        Runs(store).claim(run_id, "job")
        Runs(store).end(run_end(run_id))
        with Runs(store).log(run_id) as log:
            log.metric("loss", 1)


READS: list[tuple[str, Callable[[Store], Any]]] = [
    (keys.dataset("flights", "d1"), lambda s: Datasets(s).get("flights", "d1")),
    (keys.entry(keys.datasets("flights"), 1), lambda s: Datasets(s).latest("flights")),
    (keys.entry(keys.registry("flights"), 1), lambda s: Registry(s, "flights").versions()),
    (keys.entry(keys.releases("prod", "flights"), 1), lambda s: Releases(s, "prod", "flights").current()),
    (keys.entry(keys.triggers("flights"), 1), lambda s: Triggers(s, "flights").pending()),
    (keys.entry(keys.incidents("prod", "flights"), 1), lambda s: Incidents(s, "prod", "flights").open()),
    (keys.lease("x"), lambda s: Leases(s).current("x")),
    (keys.run_spec("r1"), lambda s: Runs(s).view("r1")),
    (keys.run_end("r1"), lambda s: Runs(s).view("r1")),
    (keys.run_claim("r1"), lambda s: Runs(s).claim("r1", "job")),
    ("segment", lambda s: Runs(s).metrics("r1")),
]


@pytest.mark.parametrize(("key", "read"), READS)
def test_a_newer_record_is_refused(store: MemoryStore, key: str, read: Callable[[Store], Any]) -> None:
    fill(store)
    read(store)
    if key == "segment":
        (key,) = [meta.key for meta in store.list("runs/r1/segments/")]
    data = store.get(key).data
    assert b'"format":1' in data
    store.put(key, data.replace(b'"format":1', b'"format":2').replace(b'"writer":"0.1.0"', b'"writer":"2.5.0"'))
    with pytest.raises(NewerFormat, match="has format 2; this version reads up to 1") as caught:
        read(store)
    assert caught.value.hint == "pip install 'driftloop>=2.5.0'"


def test_a_record_with_fields_of_a_later_release_is_read(store: MemoryStore) -> None:
    """Additions do not raise the format: what an older version does not know, it passes over."""
    fill(store)
    key = keys.run_spec("r1")
    store.put(key, store.get(key).data.replace(b"{", b'{"added":[1],', 1))
    assert Runs(store).spec("r1") == run_spec("r1")
