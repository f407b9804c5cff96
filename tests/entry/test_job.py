"""The job's entry: which step, which exit code, what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain.errors import Unavailable
from toolkit.entry import job
from toolkit.lifecycle import fit, retrain, train
from toolkit.lifecycle.runtime import runtime
from toolkit.packaging import code
from toolkit.state.blobs import Blobs
from toolkit.state.runs import Runs


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def placed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patched:
        patched.setattr(type(shop.ctx.jobs), "submit", lambda self, spec: self)
        patched.setattr(type(shop.ctx.jobs), "name", "nobody", raising=False)
        return train.run(shop.ctx, dataset=shop.dataset(), detach=True).view.id


def told(shop: Shop, **values: object) -> dict[str, str]:
    return runtime(shop.ctx, model="shop", config=True, values=values)


def test_a_fit_that_succeeds_is_exit_0(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = placed(shop, monkeypatch)
    assert job.main(told(shop, step="fit", run=run_id)) == 0
    assert Runs(shop.ctx.store).view(run_id).status == "succeeded"
    assert capsys.readouterr().out.splitlines()[-1] == f"run {run_id} succeeded: version 1 of shop"
    assert job.main(told(shop, step="fit", run=run_id)) == 0


def test_a_fit_that_fails_is_exit_1_and_its_reason_is_the_last_line(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = placed(shop.code("def train(data, params):\n    raise ValueError('no')\n"), monkeypatch)
    assert job.main(told(shop, step="fit", run=run_id)) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == f"warning: run {run_id} failed: ValueError: no (train.py:2)"
    assert "Traceback" not in said.out + said.err


@pytest.mark.parametrize(
    ("environ", "code", "says"),
    [
        ({}, 2, "TOOLKIT_RUNTIME is not set"),
        ({"TOOLKIT_RUNTIME": "{"}, 2, "cannot be read"),
        ({"step": "dance"}, 2, "names the step 'dance'; a job does one of fit, retrain"),
        ({"step": "fit", "run": "nosuch"}, 4, "there is no run nosuch"),
    ],
    ids=["nothing", "no JSON", "no step", "no run"],
)
def test_what_it_is_told_wrong_is_an_exit_code(
    environ: dict[str, str], code: int, says: str, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = told(shop, **environ) if "step" in environ else environ
    assert job.main(variables) == code
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert says in said


def test_our_own_errors_are_no_traceback(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*arguments: object, **named: object) -> object:
        raise Unavailable("the bucket does not answer", hint="try again")

    monkeypatch.setattr(fit, "run", away)
    assert job.main(told(shop, step="fit", run="r1")) == 7
    assert capsys.readouterr().err == "error: the bucket does not answer\nhint: try again\n"


def test_a_retrain_finds_the_projects_code_in_its_folder(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    asked = []

    def turn(ctx: object, **named: object) -> object:
        asked.append((sorted(path.name for path in Path.cwd().iterdir()), named))
        return retrain.Turn("stayed", "nothing new", trained=False)

    monkeypatch.setattr(retrain, "run", turn)
    digest = Blobs(shop.ctx.store).put(code.package(shop.folder).data)
    values = {"step": "retrain", "reason": "drift", "window": "2013-07-01", "code": digest}
    assert job.main(told(shop, **values)) == 0
    assert asked == [(["train.py"], {"reason": "drift", "window": "2013-07-01"})]
    assert capsys.readouterr().out == "stayed: nothing new\n"
