"""Cloud Storage's events as they really come: each content told one to five times, in any order, by several at once, in
all of their shapes. What is asked of Cloud Run is one retrain for each content, over the wire."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.gcp import google
from tests.adapters.gcp.test_events import CLOUD_EVENT, TOLD, WRITTEN, pushed
from tests.lifecycle.shop import Shop, make_shop
from toolkit.adapters.gcp.events import FINALIZED
from toolkit.domain.config import RetrainConfig
from toolkit.entry import newdata
from toolkit.lifecycle.runtime import runtime
from toolkit.ports import Settings
from toolkit.testing.store import at_once

pytestmark = pytest.mark.slow
ARRIVE = 4  # deliveries at once


@pytest.fixture(scope="module")
def site() -> Settings:
    return google.prepared()


def shop(site: Settings, folder: Path, patch: pytest.MonkeyPatch, cooldown: str) -> Shop:
    made = make_shop(folder, provider="gcp", settings={**site, "prefix": uuid4().hex[:8]})
    made.ctx.project = made.ctx.project.model_copy(update={"name": f"shop-{uuid4().hex[:6]}"})
    made.configure(retrain=RetrainConfig(on_new_data=True, cooldown=cooldown))
    for name, value in runtime(made.ctx, endpoint="shop", model=uuid4().hex[:8], config=True).items():
        patch.setenv(name, value)
    return made


def retrains(made: Shop) -> list[str]:
    """Names of the jobs that were submitted for it; they are stopped."""
    found = list(made.ctx.jobs.list({"project": made.ctx.project.name, "step": "retrain"}))
    for status in found:
        made.ctx.jobs.cancel(status.id)
    return [status.name for status in found]


def told(chosen: random.Random, contents: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Every content one to five times, shuffled, as Pub/Sub says it and as CloudEvents do."""
    events = []
    for name, generation in contents:
        written = {**WRITTEN, "name": name, "generation": generation}
        shapes = [
            pushed({**TOLD, "objectId": name, "objectGeneration": generation}),
            {**CLOUD_EVENT, "type": FINALIZED, "data": written},
            written,
        ]
        events += [chosen.choice(shapes) for _ in range(chosen.randint(1, 5))]
    chosen.shuffle(events)
    return events


def deliver(events: list[dict[str, Any]]) -> list[object]:
    """ARRIVE at a time."""
    answers: list[object] = []
    for begin in range(0, len(events), ARRIVE):
        answers += at_once(*[lambda event=e: newdata.on_event(event) for e in events[begin : begin + ARRIVE]])
    return answers


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.exhaustive)])
def test_each_content_is_one_job(site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    made = shop(site, tmp_path, monkeypatch, cooldown="0s")
    contents = [("p/data/a b.csv", "1"), ("p/data/a b.csv", "2"), ("p/data/c.csv", "1")]
    answers = deliver(told(random.Random(seed), contents))
    assert [a for a in answers if isinstance(a, Exception)] == []
    assert len(retrains(made)) == len(contents), answers


def test_all_that_comes_within_a_cooldown_is_one_job(
    site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shop(site, tmp_path, monkeypatch, cooldown="1d")
    answers = deliver(told(random.Random(4), [(f"p/data/{number}.csv", "1") for number in range(4)]))
    assert [a for a in answers if isinstance(a, Exception)] == []
    assert len(retrains(made)) == 1, answers
