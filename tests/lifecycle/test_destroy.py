"""Destroy finds what belongs to the target by its tags, also what no journal knows of."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain.specs import JOB_FINAL, JobSpec, JobStatus
from toolkit.lifecycle import destroy


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Whose jobs really run."""
    return make_shop(tmp_path, settings={"name": tmp_path.name})


def submitted(shop: Shop, name: str, *actions: str, **tags: str) -> JobStatus:
    spec = JobSpec(
        name=name, module="toolkit.testing.probe_job", arguments=actions, tags={**shop.ctx.tags(), "run": name, **tags}
    )
    return shop.ctx.jobs.submit(spec)


@pytest.mark.slow
def test_a_job_that_still_runs_is_stopped_and_another_targets_is_not(shop: Shop) -> None:
    mine, theirs = submitted(shop, "mine", "sleep=60"), submitted(shop, "theirs", "sleep=60", target="other")
    done = destroy.run(shop.ctx)
    assert (done["removed"], done["left"]) == (1, [])
    assert shop.ctx.jobs.status(mine.id).state == "cancelled"
    assert shop.ctx.jobs.status(theirs.id).state not in JOB_FINAL
    shop.ctx.jobs.cancel(theirs.id)


@pytest.mark.slow
def test_a_job_that_has_ended_stays_with_what_it_printed(shop: Shop) -> None:
    job = submitted(shop, "ended", "print=kept")
    while shop.ctx.jobs.status(job.id).state not in JOB_FINAL:
        time.sleep(0.02)
    assert destroy.run(shop.ctx)["removed"] == 0
    assert [line.text for line in shop.ctx.jobs.logs(job.id)] == ["kept"]


@pytest.mark.slow
def test_what_does_not_stop_is_left_and_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(shop, "stubborn", "sleep=60")
    with monkeypatch.context() as patched:
        patched.setattr(type(shop.ctx.jobs), "cancel", lambda self, job_id: self.status(job_id))
        assert destroy.run(shop.ctx)["left"] == ["job stubborn"]
    assert destroy.run(shop.ctx)["left"] == []
