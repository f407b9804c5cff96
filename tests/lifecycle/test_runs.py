"""Reading runs, and settling those whose job ended without a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain import times
from toolkit.domain.errors import NotFound
from toolkit.domain.records import RunSpec, Split
from toolkit.domain.specs import JobStatus
from toolkit.lifecycle import runs, train
from toolkit.state.runs import Runs


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def a_run(shop: Shop, run_id: str, created: str = "") -> None:
    spec = RunSpec(
        run_id=run_id, model="shop", entry="train:train", code="c" * 64, environment="", dataset="shop",
        dataset_version="d" * 64, label="bought", split=Split(), created=created or times.now(), timeout_seconds=60,
    )  # fmt: skip
    Runs(shop.ctx.store).create(spec)


def test_ls_and_show(shop: Shop) -> None:
    dataset = shop.dataset()
    first = train.run(shop.ctx, dataset=dataset, params={"trees": 2})
    second = train.run(shop.ctx, dataset=dataset, params={"trees": 4}, reason="drift 2013-07")
    listed = runs.ls(shop.ctx)
    assert [row["id"] for row in listed] == [second.view.id, first.view.id]
    assert listed[0]["trigger"] == "drift 2013-07"
    assert listed[0]["metrics"]["roc_auc"] > 0.5
    assert runs.ls(shop.ctx, model="other") == []
    assert len(runs.ls(shop.ctx, limit=1)) == 1
    shown = runs.show(shop.ctx)
    assert shown["id"] == second.view.id
    assert shown["logged"]["metrics"]["progress"] == [[0, 0.0], [1, 0.5], [2, 1.0]]
    assert runs.show(shop.ctx, first.view.id[:6])["id"] == first.view.id


def test_compare_shows_what_differs(shop: Shop) -> None:
    dataset = shop.dataset()
    ids = [train.run(shop.ctx, dataset=dataset, params={"trees": n}).view.id for n in (2, 4)]
    found = runs.compare(shop.ctx, ids)
    rows = {row["name"]: row["values"] for row in found["rows"]}
    assert found["runs"] == ids
    assert rows["params.trees"] == [2, 4]
    assert "metrics.roc_auc" in rows
    assert not {"code", "dataset", "status"} & rows.keys()


def test_what_is_not_there_is_said(shop: Shop) -> None:
    with pytest.raises(NotFound, match="no run yet"):
        runs.show(shop.ctx)
    a_run(shop, "aa1")
    a_run(shop, "aa2")
    with pytest.raises(NotFound, match="there is no run zz"):
        runs.show(shop.ctx, "zz")
    with pytest.raises(NotFound, match="2 runs begin with aa"):
        runs.show(shop.ctx, "aa")


@pytest.mark.parametrize(
    ("state", "reason", "code", "status"),
    [
        ("timeout", "ran longer than 60 s", None, "timeout"),
        ("out-of-memory", "used 5,000 MiB", None, "out-of-memory"),
        ("cancelled", "cancelled", None, "cancelled"),
        ("failed", "exit code 2: no such table", 2, "failed"),
        ("failed", "killed by SIGKILL", None, "lost"),
        ("succeeded", "", 0, "lost"),
        ("running", "", None, "queued"),
    ],
)
def test_a_run_takes_the_end_of_its_job(
    state: str, reason: str, code: int | None, status: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(self: object, tags: dict[str, str]) -> Iterator[JobStatus]:
        assert tags == {"run": "r1"}
        yield JobStatus(id="train-r1", name="train-r1", state=state, reason=reason, exit_code=code)  # type: ignore[arg-type]

    monkeypatch.setattr(type(shop.ctx.jobs), "list", listed)
    a_run(shop, "r1")
    assert runs.ls(shop.ctx)[0]["status"] == status
    view = Runs(shop.ctx.store).view("r1")
    if state == "running":
        assert view.end is None
    else:
        assert view.end is not None
        assert view.end.reason == (reason or "its job ended without recording what became of the run")


def test_a_run_without_a_job_is_lost_only_after_its_time(shop: Shop) -> None:
    a_run(shop, "young")
    a_run(shop, "old", created="2020-01-01T00:00:00.000000Z")
    assert {row["id"]: row["status"] for row in runs.ls(shop.ctx)} == {"young": "queued", "old": "lost"}
