"""Labels come late, twice, corrected and in any order: each is joined with exactly its own prediction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.memory.store import MemoryStore, forget
from toolkit.domain import codec
from toolkit.domain.records import Feature, Release, Signature
from toolkit.lifecycle import realised
from toolkit.quality import metrics
from toolkit.serving import ids
from toolkit.serving.capture import Captured
from toolkit.serving.feedback import Labels
from toolkit.state import keys

HOUR = 3_600_000
NOON = 1_767_355_200_000  # 2026-01-02T12:00:00Z
DAY = ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")
CLASSES = ("no", "yes")
SIGNATURE = Signature(task="binary", features=(Feature(name="a", dtype="float64"),), label="bought", classes=CLASSES)
RELEASE = Release(
    endpoint="shop", target="test", model="shop", model_version=1, model_digest="d" * 64, bundle="b", function="f",
    function_version="1",
)  # fmt: skip
COUNT = 24
Delivery = tuple[int, str, int]  # which prediction, what is said of it, when it is received


class World:
    """Predictions of `version`, one an hour from `begin` on, and the labels that come for them."""

    def __init__(self) -> None:
        self.name = uuid.uuid4().hex
        self.store = MemoryStore(self.name)
        self.ctx: Any = SimpleNamespace(store=self.store, target="test")

    def predict(self, version: int = 1, begin: int = NOON - 12 * HOUR) -> list[str]:
        made = []
        for number in range(COUNT):
            moment = begin + number * HOUR
            prefix, hour = ids.prefix(moment), ids.start_of_hour(ids.hour(moment))
            captured = Captured(
                endpoint="shop", model="shop", model_version=version, model_digest=str(version) * 64, hour=hour,
                flushed=hour, classes=CLASSES, requests=[(prefix, 1)],
                labels=[number % 2], scores=[0.1 + 0.8 * (number % 2)],
            )  # fmt: skip
            self.store.put(keys.capture("test", "shop", hour, uuid.uuid4().hex), codec.encode(captured))
            made.append(f"{prefix}-0")
        return made

    def told(self, made: Sequence[str], deliveries: Sequence[Delivery]) -> None:
        for which, label, received in deliveries:
            day = ids.day(int(made[which][:12], 16))
            record = Labels(
                endpoint="shop",
                day=day,
                received=f"2026-02-01T00:{received:02d}:00Z",
                ids=[made[which]],
                labels=[label],
            )
            self.store.put(keys.feedback("test", "shop", day, uuid.uuid4().hex), codec.encode(record))

    def between(self, start: str = DAY[0], end: str = DAY[1]) -> dict[str, float]:
        return realised.between(self.ctx, RELEASE, SIGNATURE, start, end)


_DELIVERIES = st.lists(
    st.tuples(st.integers(0, COUNT - 1), st.sampled_from(CLASSES), st.integers(0, 59)),
    max_size=60,
    unique_by=lambda one: (one[0], one[2]),  # what is received at one moment has no order
)


@given(_DELIVERIES, st.randoms(use_true_random=False))
def test_whatever_comes_in_whatever_order_the_last_word_on_each_prediction_counts(
    deliveries: list[Delivery], random: Any
) -> None:
    """A month late, one twice (the same file delivered again), all of them shuffled."""
    world = World()
    made = world.predict()
    again = [one for one in deliveries if random.random() < 0.3]
    shuffled = [*deliveries, *again]
    random.shuffle(shuffled)
    world.told(made, shuffled)
    last = {which: label for which, label, _ in sorted(deliveries, key=lambda one: one[2])}
    found = world.between()
    forget(world.name)
    if not last:
        assert found == {}
        return
    rows = sorted(last)
    truth, said = [last[n] for n in rows], [CLASSES[n % 2] for n in rows]
    expected = metrics.evaluate("binary", truth, said, [0.1 + 0.8 * (n % 2) for n in rows], CLASSES)
    assert found.pop("realised_rows") == len(rows)
    assert found == pytest.approx({f"realised_{name}": value for name, value in expected.items()}, nan_ok=True)


def test_labels_of_other_versions_windows_and_strangers_are_not_counted(tmp_path: Path) -> None:
    world = World()
    ours, theirs = world.predict(), world.predict(version=2)
    before, after = world.predict(begin=NOON - 36 * HOUR), world.predict(begin=NOON + 12 * HOUR)
    for made in (theirs, before, after, [f"{ids.prefix(NOON)}-0"] * COUNT):
        world.told(made, [(number, "yes", 1) for number in range(COUNT)])
    assert world.between() == {}
    world.told(ours, [(3, "yes", 1), (4, "yes", 1)])
    assert world.between()["realised_rows"] == 2
    assert world.between()["realised_accuracy"] == 0.5
    assert world.between("2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z")["realised_rows"] == 1
    forget(world.name)
