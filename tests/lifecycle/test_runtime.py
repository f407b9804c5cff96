"""What a job or function is told finds its way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lifecycle.shop import make_shop
from toolkit.bootstrap.context import from_runtime
from toolkit.domain.errors import PlanError
from toolkit.lifecycle.runtime import portable, runtime


def test_it_opens_the_same_project_and_ports(tmp_path: Path) -> None:
    ctx = make_shop(tmp_path).ctx
    ctx.store.put("hello", b"you")
    told = runtime(ctx, ports=("store",), model="shop", config=True, values={"step": "fit"})
    opened, read = from_runtime(told)
    assert opened.project == portable(ctx)
    assert opened.store.get("hello").data == b"you"
    assert (read.values, read.model, list(read.ports)) == ({"step": "fit"}, "shop", ["store"])
    assert runtime(ctx, ports=("store",), model="shop", config=True, values={"step": "fit"}) == told


def test_what_does_not_fit_an_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="over 3,500"):
        runtime(make_shop(tmp_path).ctx, values={"text": "x" * 4000})


def test_sources_of_this_machine_are_absolute_elsewhere(tmp_path: Path) -> None:
    ctx = make_shop(tmp_path).ctx
    data = ctx.project.data.model_copy(update={"source": ["a/*.csv", "s3://b/c.csv"], "tables": {"w": "w.csv"}})
    ctx.project = ctx.project.model_copy(update={"data": data})
    found = portable(ctx).data
    assert found.source == [str(ctx.directory / "a/*.csv"), "s3://b/c.csv"]
    assert found.tables == {"w": str(ctx.directory / "w.csv")}
