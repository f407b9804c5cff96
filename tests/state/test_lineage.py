import json
from typing import Any

import pytest

from tests.state.crashes import NOW, WHO, dataset, release, run_end, run_spec
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain import codec, times
from toolkit.domain.errors import ConfigError, Corrupt, NotFound
from toolkit.serving import ids
from toolkit.serving.capture import Captured
from toolkit.state import keys
from toolkit.state.datasets import Datasets
from toolkit.state.lineage import Trace, trace
from toolkit.state.registry import Registry
from toolkit.state.releases import Releases
from toolkit.state.runs import Runs

MOMENT = 1_767_225_600_000 + 90 * 60 * 1000  # half past one on the first of January 2026
FLUSHED = "2026-01-01T02:00:00Z"


@pytest.fixture
def story(store: MemoryStore) -> MemoryStore:
    """Two dataset versions, two runs, two model versions, three releases, one of them of another model."""
    datasets, runs, registry = Datasets(store), Runs(store), Registry(store, "flights")
    datasets.save(dataset("d1"))
    datasets.save(dataset("d2", parent="d1"))
    for n in (1, 2):
        runs.create(run_spec(f"r{n}", dataset_version=f"d{n}"))
        runs.end(run_end(f"r{n}"))
        registry.register(f"{n}" * 64, f"r{n}", {}, op=f"register-{n}", **WHO)
    registry.move("champion", 2, op="move", **WHO)
    clock = iter(f"2026-01-01T0{hour}:00:00.000000Z" for hour in range(9))
    releases = Releases(store, "prod", "flights", clock=lambda: next(clock))
    for n in (1, 2, 1):
        releases.record(release(n))
    return store


def capture(store: MemoryStore, version: int, name: str = "w1", **changes: Any) -> str:
    prefix = ids.prefix(MOMENT)
    hour = ids.start_of_hour(ids.hour(MOMENT))
    captured = Captured(
        endpoint="flights", model="flights", model_version=version, model_digest=f"{version}" * 64, hour=hour,
        flushed=FLUSHED, classes=("no", "yes"), requests=[(ids.prefix(MOMENT), 1), (prefix, 2)], labels=[0, 1, 1],
        scores=[0.1, 0.9, None],
    )  # fmt: skip
    store.put(keys.capture("prod", "flights", hour, name), codec.encode(captured))
    return f"{prefix}-1"


def edges(found: Trace) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.how, edge.result) for edge in found.edges}


def test_from_the_data_down(story: MemoryStore) -> None:
    assert edges(trace(story, "dataset:flights@d2")) == {
        ("dataset:flights@d1", "appends to", "dataset:flights@d2"),
        ("dataset:flights@d2", "trained on", "run:r2"),
        ("run:r2", "was made by", "model:flights@2"),
        ("model:flights@2", "serves", "release:prod/flights@2"),
    }


def test_data_that_was_appended_to_is_in_all_that_came_of_it(story: MemoryStore) -> None:
    found = {node.id for node in trace(story, "dataset:flights@d1").nodes}
    assert found >= {"dataset:flights@d2", "run:r1", "run:r2", "model:flights@2", "release:prod/flights@2"}


def test_from_a_prediction_up(story: MemoryStore) -> None:
    prediction = capture(story, 1)
    found = trace(story, prediction)
    assert found.root == f"prediction:{prediction}"
    assert edges(found) == {
        ("release:prod/flights@3", "was made by", f"prediction:{prediction}"),
        ("model:flights@1", "serves", "release:prod/flights@3"),
        ("run:r1", "was made by", "model:flights@1"),
        ("dataset:flights@d1", "trained on", "run:r1"),
    }
    facts = {node.id: node.facts for node in found.nodes}
    assert facts[found.root]["time"] == times.text(times.parse("2026-01-01T01:30:00Z"))
    assert facts["release:prod/flights@3"]["time"] == "2026-01-01T02:00:00.000000Z"
    assert facts["run:r1"]["code"] == "c" * 64


def test_the_release_is_the_last_before_the_answer_was_written(story: MemoryStore) -> None:
    data = json.loads(story.get(next(m.key for m in story.list("journal/releases/") if "0003.json" in m.key)).data)
    assert data["time"] == "2026-01-01T02:00:00.000000Z"
    prediction = capture(story, 1)
    key = next(meta.key for meta in story.list("captures/"))
    story.put(key, story.get(key).data.replace(FLUSHED.encode(), b"2026-01-01T01:59:59.000000Z"))
    assert any(edge.source == "release:prod/flights@1" for edge in trace(story, prediction).edges)


def test_a_prediction_without_its_release_still_names_the_model(store: MemoryStore) -> None:
    Registry(store, "flights").register("1" * 64, "r1", {}, op="o", **WHO)
    Releases(store, "prod", "flights", clock=lambda: "2026-06-01T00:00:00Z").record(release(1))
    prediction = capture(store, 1)
    assert edges(trace(store, prediction)) == {("model:flights@1", "was made by", f"prediction:{prediction}")}


@pytest.mark.parametrize(
    ("what", "root"),
    [
        ("dataset:flights", "dataset:flights@d2"),
        ("model:flights", "model:flights@2"),
        ("model:flights@champion", "model:flights@2"),
        ("model:flights@1", "model:flights@1"),
        ("release:prod/flights", "release:prod/flights@3"),
        ("release:prod/flights@2", "release:prod/flights@2"),
        ("run:r1", "run:r1"),
        ("r1", "run:r1"),
    ],
)
def test_what_a_person_may_call_it(story: MemoryStore, what: str, root: str) -> None:
    found = trace(story, what)
    assert found.root == root
    assert found.nodes[0].id == root


@pytest.mark.parametrize(
    "what",
    [
        "dataset:trains", "dataset:flights@d9", "model:flights@9", "model:flights@challenger", "model:trains",
        "release:dev/flights", "release:prod/flights@9", "run:r9", "r9", "0140b5fd4c00a1b2c3d4e5-0",
    ],
)  # fmt: skip
def test_what_is_not_there(story: MemoryStore, what: str) -> None:
    with pytest.raises(NotFound):
        trace(story, what)


@pytest.mark.parametrize("what", ["planet:earth", "prediction:7", ":", "run:../x", "dataset:A b"])
def test_what_names_nothing(story: MemoryStore, what: str) -> None:
    with pytest.raises(ConfigError):
        trace(story, what)


def test_a_trace_ends_where_the_facts_end(store: MemoryStore) -> None:
    Runs(store).create(run_spec("r1"))
    assert trace(store, "run:r1").edges == ()
    Registry(store, "flights").register("1" * 64, "forgotten", {}, op="o", actor="", time=NOW)
    assert trace(store, "model:flights@1").edges == ()


def test_a_damaged_capture_is_named(story: MemoryStore) -> None:
    prediction = capture(story, 1)
    key = next(meta.key for meta in story.list("captures/"))
    story.put(key, b"bits")
    with pytest.raises(Corrupt, match="captures/prod/flights"):
        trace(story, prediction)
