"""The step inside the job: what the user's code may do to it, and the end it records."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.lifecycle.shop import TRAIN, Shop, make_shop
from toolkit.domain.errors import ConfigError, TrainingFailed
from toolkit.domain.records import RunEnd
from toolkit.lifecycle import fit, runs, train
from toolkit.state.registry import Registry
from toolkit.state.runs import Runs


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def placed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that is created and whose job never comes."""
    with monkeypatch.context() as patched:
        patched.setattr(type(shop.ctx.jobs), "submit", lambda self, spec: self)
        patched.setattr(type(shop.ctx.jobs), "name", "nobody", raising=False)
        return train.run(shop.ctx, dataset=shop.dataset(), detach=True).view.id


BROKEN: dict[str, tuple[str, str]] = {
    "raises": ("def train(data, params):\n    raise ValueError('too few\\nrows')", "ValueError: too few (train.py:2)"),
    "raises deeper": (
        "import numpy as np\ndef train(data, params):\n    np.zeros(3).reshape(2, 2)",
        "ValueError: cannot reshape array of size 3 into shape (2,2) (train.py:3)",
    ),
    "syntax": ("def train(data, params)\n    pass", "SyntaxError: expected ':' (train.py:1)"),
    "import": ("import nothing_of_this_name\n", "No module named 'nothing_of_this_name' (train.py:1)"),
    "exit": ("import sys\ndef train(data, params):\n    sys.exit(3)", "SystemExit: 3 (train.py:3)"),
    "returns nothing": ("def train(data, params):\n    pass", "train() returned None; end it with `return model`"),
    "no function": ("def fit(data, params):\n    pass", "train.py has no function 'train'"),
    "bad metric": (
        "import toolkit\ndef train(data, params):\n    toolkit.log_metric('loss', 'high')",
        "metric 'loss': 'high' is no number",
    ),
    "out of memory": ("def train(data, params):\n    raise MemoryError('40 GiB')", "MemoryError: 40 GiB"),
    "refuses unseen text": (
        TRAIN.replace("HistGradientBoostingClassifier(", "pipeline(data) or HistGradientBoostingClassifier(")
        + "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import OneHotEncoder\n"
        "from sklearn.compose import make_column_transformer\nfrom sklearn.linear_model import LogisticRegression\n"
        "pipeline = lambda data: make_pipeline(make_column_transformer((OneHotEncoder(), data.text)),"
        " LogisticRegression())",
        "refuses text in 'city' that it has not seen",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_goes_wrong_is_the_end_of_the_run(case: str, shop: Shop) -> None:
    text, says = BROKEN[case]
    with pytest.raises(TrainingFailed) as failed:
        train.run(shop.code(text).ctx, dataset=shop.dataset())
    (row,) = runs.ls(shop.ctx)
    assert row["status"] == ("out-of-memory" if case == "out of memory" else "failed")
    assert says in row["reason"]
    assert says in failed.value.message
    assert not Registry(shop.ctx.store, "shop").versions()


def test_the_traceback_is_in_the_log_and_nowhere_else(shop: Shop) -> None:
    with pytest.raises(TrainingFailed) as failed:
        train.run(shop.code(BROKEN["raises deeper"][0]).ctx, dataset=shop.dataset())
    assert "Traceback" not in f"{failed.value.message} {shop.told.said} {shop.told.warned}"
    logged = [line.text for line in runs.logs(shop.ctx, "latest")]
    assert "Traceback (most recent call last):" in logged
    assert any("np.zeros(3).reshape(2, 2)" in line for line in logged)


def test_what_was_logged_before_a_failure_is_kept(shop: Shop) -> None:
    shop.code("import toolkit\ndef train(data, params):\n    toolkit.log_metric('loss', 2.5)\n    raise ValueError")
    with pytest.raises(TrainingFailed):
        train.run(shop.ctx, dataset=shop.dataset())
    (row,) = runs.ls(shop.ctx)
    assert Runs(shop.ctx.store).metrics(row["id"])["loss"][0].value == 2.5


def test_an_entry_that_is_not_there_is_explained(shop: Shop) -> None:
    shop.configure(train=shop.ctx.project.train.model_copy(update={"entry": "model:train"}))
    with pytest.raises(ConfigError, match=r"the project has no model.py; at its top there is train.py"):
        train.run(shop.ctx, dataset=shop.dataset())


def test_modules_of_the_user_come_from_the_package_only(shop: Shop) -> None:
    (shop.folder / "shapes").mkdir()
    (shop.folder / "shapes" / "__init__.py").write_text("WIDTH = 4\n")
    shop.code("from shapes import WIDTH\n" + TRAIN.replace('params.get("trees", 5)', "WIDTH"))
    path = list(sys.path)
    train.run(shop.ctx, dataset=shop.dataset())
    assert sys.path == path
    assert not {"train", "shapes"} & sys.modules.keys()


def test_a_duplicate_ends_at_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = placed(shop, monkeypatch)
    store = Runs(shop.ctx.store)
    assert store.claim(run_id, "another job")
    ended = fit.run(shop.ctx, run_id, claimer="me")
    assert not ended.mine
    assert store.view(run_id).end is None
    assert shop.told.said[-1] == f"run {run_id} is carried out by another job"


def test_a_retried_attempt_of_the_claimer_goes_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = placed(shop, monkeypatch)
    assert Runs(shop.ctx.store).claim(run_id, "job 7")
    assert fit.run(shop.ctx, run_id, claimer="job 7").version == 1
    assert not fit.run(shop.ctx, run_id, claimer="job 7").mine


def test_a_run_that_was_ended_meanwhile_makes_no_version(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = placed(shop, monkeypatch)
    keep = fit._keep

    def cancelled(*arguments: object) -> str:
        Runs(shop.ctx.store).end(RunEnd(run_id=run_id, status="cancelled", reason="by hand", ended=shop.ctx.clock()))
        return keep(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fit, "_keep", cancelled)
    ended = fit.run(shop.ctx, run_id, claimer="me")
    assert (ended.view.status, ended.version) == ("cancelled", None)
    assert not Registry(shop.ctx.store, "shop").versions()


def stopped_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()


SLEEP = "import time\ndef train(data, params):\n    for _ in range(200):\n        try:\n            time.sleep(0.05)\n        except Exception:\n            pass\n"  # noqa: E501


def test_being_told_to_stop_cancels_the_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = placed(shop.code(SLEEP), monkeypatch)
    stopped_after(0.7)
    assert fit.run(shop.ctx, run_id, claimer="me").view.status == "cancelled"


def test_being_told_to_stop_at_the_time_limit_is_the_providers_to_say(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure(train=shop.ctx.project.train.model_copy(update={"timeout": "1s"}))
    run_id = placed(shop.code(SLEEP), monkeypatch)
    stopped_after(1.0)
    with pytest.raises(SystemExit) as ended:
        fit.run(shop.ctx, run_id, claimer="me")
    assert ended.value.code == 143
    assert Runs(shop.ctx.store).view(run_id).end is None


def test_random_draws_are_the_same_in_every_run(shop: Shop) -> None:
    shop.code(
        "import random, numpy as np, toolkit\nfrom sklearn.ensemble import HistGradientBoostingClassifier as H\n"
        "def train(data, params):\n"
        "    toolkit.log_metrics({'a': random.random(), 'b': np.random.rand()})\n"
        "    return H(max_iter=2, categorical_features=data.text).fit(data.X, data.y)\n"
    )
    dataset = shop.dataset()
    drawn = []
    for _ in range(2):
        run_id = train.run(shop.ctx, dataset=dataset, again=True).view.id
        metrics = Runs(shop.ctx.store).metrics(run_id)
        drawn.append((metrics["a"][0].value, metrics["b"][0].value))
        time.sleep(0.01)
    assert drawn[0] == drawn[1]
