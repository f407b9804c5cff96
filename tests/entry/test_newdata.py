"""One retrain for one content of an object: delivered twice, out of order, by two ways at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.adapters.aws.test_events import bridged, notification
from tests.lifecycle.shop import Shop, make_shop
from toolkit.bootstrap import providers
from toolkit.domain.config import RetrainConfig
from toolkit.domain.specs import Runtime
from toolkit.entry import drift, newdata
from toolkit.lifecycle.runtime import runtime
from toolkit.ports.context import Context
from toolkit.state.triggers import Trigger


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = make_shop(tmp_path)
    configure(shop, monkeypatch)
    return shop


def configure(shop: Shop, monkeypatch: pytest.MonkeyPatch, **policy: Any) -> None:
    retrain = RetrainConfig(**{"on_new_data": True, "cooldown": "0s", **policy})
    shop.configure(retrain=retrain)
    for name, value in runtime(shop.ctx, endpoint="shop", model="shop", config=True).items():
        monkeypatch.setenv(name, value)
    # The events are S3's; the provider that reads them is one of the target's.
    reads = replace(providers.provider("memory"), events=providers.provider("aws").events)
    monkeypatch.setattr(providers, "provider", lambda name: reads)
    submitted: list[str] = []

    def submit(ctx: Context, told: Runtime, trigger: Trigger) -> str:
        submitted.append(trigger.reason)
        return trigger.reason

    monkeypatch.setattr(drift, "_submitted", submit)
    shop.told.said = submitted


def asked(event: dict[str, Any]) -> list[dict[str, str]]:
    answer = newdata.on_event(event)
    assert answer is not None
    found: list[dict[str, str]] = answer["new_data"]
    return found


def test_other_events_are_left_to_others(shop: Shop) -> None:
    assert newdata.on_event({"source": "something"}) is None
    assert newdata.on_event({"Service": "Amazon S3", "Event": "s3:TestEvent"}) == {"new_data": []}


def test_the_same_content_is_one_trigger_whoever_tells_it(shop: Shop) -> None:
    (first,) = asked(notification())
    assert first["retrain"] == "new data s3://b/p/data/a bä.csv@e1"
    again = [asked(notification())[0]["retrain"], asked(bridged())[0]["retrain"]]
    # The job has that name too: submitted again, it is the same job.
    assert again == [first["retrain"]] * 2
    assert len({*shop.told.said}) == 1


def test_another_content_is_another_trigger_in_any_order(shop: Shop) -> None:
    events = [notification(eTag="e2", sequencer="02"), notification(), notification(eTag="e2", sequencer="02")]
    names = [asked(event)[0]["retrain"] for event in events]
    assert names[0] == names[2] != names[1]
    assert len({*shop.told.said}) == 2


def test_many_files_at_once_are_one_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    configure(shop, monkeypatch, cooldown="1d")
    answers = [asked(notification(key=f"p/data/{n}.csv"))[0] for n in range(3)]
    assert [bool(answer["retrain"]) for answer in answers] == [True, False, False]
    assert answers[1]["why"].startswith("cooldown")


def test_it_can_be_turned_off(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    configure(shop, monkeypatch, on_new_data=False)
    assert asked(notification())[0]["why"] == "retrain.on_new_data is off"
    assert shop.told.said == []
