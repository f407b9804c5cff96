"""The route /explain: what it answers, for which models, within which bounds."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.serving.endpoints import ROW, Client
from tests.serving.explained import records, trained
from toolkit.serving import attribution, sampling
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.explain import Explaining
from toolkit.serving.model import Model
from toolkit.serving.settings import Limits
from toolkit.serving.shapley import TooSlow


def made(name: str, *, program: bool = True, **limits: Any) -> App:
    return create_app(trained(name, program=program).model, info=Info(version=3), limits=Limits(**limits))


@pytest.mark.parametrize("name", ["hist", "logistic", "forest many", "hist many", "ridge", "hist poisson"])
@pytest.mark.parametrize("program", [True, False])
def test_contributions_sum_to_the_prediction_minus_the_base(name: str, program: bool) -> None:
    client = Client(made(name, program=program))
    rows = records(trained(name), 3)
    answer = client.post("/explain", {"records": rows}).json()
    assert (answer["model"], answer["version"], answer["background"]) == ("shop", 3, 50)
    predictions = client.post("/predict", {"records": rows}).json()["predictions"]
    names = [feature.name for feature in trained(name).features]
    for found, prediction in zip(answer["explanations"], predictions, strict=True):
        assert found["method"] == ("exact" if program else "sampled")
        assert list(found["contributions"]) == names
        assert found["base"] + math.fsum(found["contributions"].values()) == pytest.approx(found["value"])
        assert found["prediction"] == {key: value for key, value in prediction.items() if key != "id"}
        served = prediction["value"] if "value" in prediction else prediction["probabilities"][found["explained"]]
        scales: dict[str, Callable[[float], float]] = {
            "value": float, "probability": float, "log": math.exp, "log-odds": lambda v: 1 / (1 + math.exp(-v))
        }  # fmt: skip
        if found["space"] in scales:
            assert scales[found["space"]](found["value"]) == pytest.approx(served, rel=1e-4, abs=1e-5)
        if len(prediction.get("probabilities", {})) > 2:
            assert found["explained"] == prediction["label"]


def test_it_takes_what_predict_takes() -> None:
    client = Client(made("hist"))
    rows = records(trained("hist"), 2)
    expected = client.post("/explain", rows).json()
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert client.post("/explain", {"columns": columns}).json() == expected
    assert client.post("/explain", {"instances": rows}).json() == expected
    assert client.post("/explain", rows[1]).json()["explanations"] == expected["explanations"][1:]


def test_the_same_row_has_the_same_explanation() -> None:
    rows = records(trained("hist"), 2)
    for program in (True, False):
        answers = [Client(made("hist", program=program)).post("/explain", rows).content for _ in range(2)]
        assert answers[0] == answers[1]


def test_bounds_of_rows_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(made("hist", explain_rows=2))
    rows = records(trained("hist"), 3)
    assert client.post("/explain", rows[:2]).status == 200
    refused = client.post("/explain", rows)
    assert (refused.status, refused.json()["type"]) == (413, "urn:toolkit:problem:too-many-rows")
    slow = Client(made("hist", explain_seconds=-1.0)).post("/explain", rows[:2])
    assert (slow.status, slow.json()["type"]) == (503, "urn:toolkit:problem:explain-too-slow")
    assert slow.headers["retry-after"] == "1"
    assert "0 rows were explained" in slow.json()["detail"]


def test_a_row_that_is_too_slow_to_be_exact_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*arguments: Any) -> Any:
        raise TooSlow

    client = Client(made("hist"))
    monkeypatch.setattr(attribution.Exact, "explain", slow)
    assert client.post("/explain", records(trained("hist"), 1)).json()["explanations"][0]["method"] == "sampled"


def test_a_program_that_does_not_come_to_what_is_served_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(made("hist"))
    right = attribution.Exact.explain
    monkeypatch.setattr(
        attribution.Exact, "explain", lambda *given: right(*given)._replace(value=right(*given).value + 0.1)
    )
    assert client.post("/explain", records(trained("hist"), 1)).json()["explanations"][0]["method"] == "sampled"


def test_one_at_a_time_and_the_lock_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    app = made("hist")
    client = Client(app)
    row = records(trained("hist"), 1)[0]
    assert client.post("/explain", {"nonsense": 1}).status == 422  # a refusal lets go as well
    assert client.post("/explain", row).status == 200
    explaining = app._explaining
    assert isinstance(explaining, Explaining)
    with explaining._busy:
        busy = client.post("/explain", row)
    assert (busy.status, busy.json()["type"]) == (503, "urn:toolkit:problem:explain-busy")

    def broken(*arguments: Any, **named: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(attribution.Exact, "explain", broken)
        assert client.post("/explain", row).json()["type"] == "urn:toolkit:problem:out-of-memory"
    assert client.post("/explain", row).status == 200
    assert app.measures.problems["explain-busy"] == 1


def test_predictions_go_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    app = made("hist", program=False)
    row = records(trained("hist"), 1)[0]
    order: list[str] = []
    right = sampling.explain

    def slow(*arguments: Any) -> Any:
        import time

        time.sleep(0.2)
        order.append("explained")
        return right(*arguments)

    monkeypatch.setattr(sampling, "explain", slow)
    client = Client(app)

    async def ask(path: str, wait: float) -> int:
        await asyncio.sleep(wait)
        body = msgspec.json.encode(row)
        reply = await client._request("POST", path, [body], {"content-type": "application/json"})
        order.append(path)
        return reply.status

    async def both() -> list[int]:
        return list(await asyncio.gather(ask("/explain", 0.0), ask("/predict", 0.05)))

    assert asyncio.run(both()) == [200, 200]
    assert order == ["/predict", "explained", "/explain"]


def test_a_model_without_rows_to_compare_with_says_so(binary: Model) -> None:
    refused = Client(create_app(binary)).post("/explain", ROW)
    assert (refused.status, refused.json()["type"]) == (501, "urn:toolkit:problem:no-background")


def test_nothing_is_captured_or_counted_as_a_prediction() -> None:
    app = made("hist")
    Client(app).post("/explain", records(trained("hist"), 2))
    assert app.measures.rows == 0
    assert app.measures.requests["/explain", 200] == 1


def test_a_retired_app_lets_go_of_it() -> None:
    app = made("hist")
    Client(app).post("/explain", records(trained("hist"), 1))
    app.retire()
    assert app._explaining is None


@pytest.mark.slow
def test_nothing_of_it_is_imported_before_it_is_asked_for() -> None:
    code = "import sys; import toolkit.serving.app; print([m for m in sys.modules if 'explain' in m or 'shap' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
