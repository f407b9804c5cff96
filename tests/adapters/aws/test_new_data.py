"""S3's events as they really come: each content told one to five times, in any order, by several at once, in both of
their shapes. What is asked of Batch is one retrain for each content, over the wire."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.aws import cloud, operator_site
from tests.adapters.aws.test_events import bridged, notification
from tests.lifecycle.shop import Shop, make_shop
from toolkit.adapters.aws.jobs import open_jobs
from toolkit.adapters.aws.settings import AwsSettings
from toolkit.domain.config import RetrainConfig
from toolkit.entry import newdata
from toolkit.lifecycle.runtime import runtime
from toolkit.ports import Settings
from toolkit.testing.jobs import probe
from toolkit.testing.store import at_once

pytestmark = pytest.mark.slow
ARRIVE = 4  # deliveries at once


@pytest.fixture(scope="module")
def site() -> Iterator[Settings]:
    """A target whose only machine is taken: jobs wait, and can be counted."""
    where = {"region": cloud.REGION, "endpoint": cloud.address(), "services_endpoint": cloud.address()}
    given = {**where, "bucket": f"bucket-{uuid4().hex[:12]}", "queue": f"q-{uuid4().hex[:8]}"}
    context = {"project": f"shop-{uuid4().hex[:6]}", "target": "test"}
    settings = AwsSettings.model_validate(given, context=context).model_dump(mode="json")
    cloud.make_bucket(settings)
    operator_site.prepare(settings)
    operator_site.make_queue(settings, settings["queue"], cpus=1)
    jobs = open_jobs(settings)
    jobs.submit(probe("sleep=300"))
    yield settings
    for status in jobs.list():
        jobs.cancel(status.id)


def shop(site: Settings, folder: Path, patch: pytest.MonkeyPatch, cooldown: str) -> Shop:
    made = make_shop(folder, provider="aws", settings={**site, "prefix": uuid4().hex[:8]})
    made.ctx.project = made.ctx.project.model_copy(update={"name": f"shop-{uuid4().hex[:6]}"})
    made.configure(retrain=RetrainConfig(on_new_data=True, cooldown=cooldown))
    for name, value in runtime(made.ctx, endpoint="shop", model=uuid4().hex[:8], config=True).items():
        patch.setenv(name, value)
    return made


def retrains(made: Shop) -> list[str]:
    """Names of the jobs that were submitted for it."""
    return [status.name for status in made.ctx.jobs.list({"project": made.ctx.project.name, "step": "retrain"})]


def told(chosen: random.Random, contents: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Every content one to five times, shuffled, as S3 says it and as EventBridge does."""
    shapes = (
        lambda c: notification(key=c["key"].replace(" ", "+"), eTag=c["etag"], sequencer=c["etag"]),
        lambda c: bridged(key=c["key"], etag=c["etag"], sequencer=c["etag"]),
    )
    events = [chosen.choice(shapes)(c) for c in contents for _ in range(chosen.randint(1, 5))]
    chosen.shuffle(events)
    return events


def deliver(events: list[dict[str, Any]]) -> list[object]:
    """ARRIVE at a time."""
    answers: list[object] = []
    for begin in range(0, len(events), ARRIVE):
        answers += at_once(*[lambda event=e: newdata.on_event(event) for e in events[begin : begin + ARRIVE]])
    return answers


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.exhaustive)])
def test_each_content_is_one_job(site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    made = shop(site, tmp_path, monkeypatch, cooldown="0s")
    contents = [{"key": f"p/data/{name}.csv", "etag": etag} for name, etag in (("a b", "1"), ("a b", "2"), ("c", "1"))]
    answers = deliver(told(random.Random(seed), contents))
    assert [a for a in answers if isinstance(a, Exception)] == []
    assert len(retrains(made)) == len(contents), answers


def test_all_that_comes_within_a_cooldown_is_one_job(
    site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shop(site, tmp_path, monkeypatch, cooldown="1d")
    contents = [{"key": f"p/data/{number}.csv", "etag": "1"} for number in range(4)]
    answers = deliver(told(random.Random(4), contents))
    assert [a for a in answers if isinstance(a, Exception)] == []
    assert len(retrains(made)) == 1, answers
