"""Functions: a spec as a service and back, and what the suites cannot show."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.gcp import google
from tests.support import HERE, until
from toolkit.adapters.gcp import function_service as described
from toolkit.adapters.gcp.functions import open_functions
from toolkit.adapters.gcp.names import service
from toolkit.adapters.gcp.run_api import Run
from toolkit.adapters.gcp.store import open_store
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import FunctionSpec, HttpRequest
from toolkit.testing.functions import Deploy, answers, bundle_into

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True).filter(lambda name: "--" not in name)
WHERE = {"storage": "s", "bucket": "b", "object": "o"}


def spec(**fields: Any) -> FunctionSpec:
    return FunctionSpec(**{"name": "fn", "bundle": "d" * 64, "bundle_key": "bundles/d", **fields})


@given(NAMES, st.integers(1, 99_999))
def test_a_version_fits_beside_the_name_of_its_service(name: str, number: int) -> None:
    found = service(name)
    assert found[0].isalpha()
    assert len(found) + len(f"v{number}") <= 46
    assert len(described.revision(found, number)) <= 63
    assert described.number_of(described.revision(found, number)) == str(number)


@given(st.dictionaries(st.integers(1, 50).map(str), st.integers(1, 100), min_size=1, max_size=5))
def test_traffic_comes_back_as_it_was_asked_for(parts: dict[str, int]) -> None:
    whole = sum(parts.values())
    shares = {version: part / whole for version, part in parts.items()}
    try:
        asked = described.traffic("fn", shares, set(shares) | {"51"})
    except Unsupported:
        percents = [share * 100 for share in shares.values()]
        assert any(abs(percent - round(percent)) > 1e-6 for percent in percents)
        return
    assert sum(target.get("percent", 0) for target in asked) == 100
    assert len({target["tag"] for target in asked}) == len(asked) == len(set(shares) | {"51"})
    assert described.weights({"traffic": asked}) == pytest.approx(shares)


def test_what_was_never_routed_has_no_weights() -> None:
    assert described.weights({"traffic": described.traffic("fn", {}, {"1"})}) == {}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"memory_mb": 40_000}, "32,768"),
        ({"timeout_seconds": 3601}, "3600"),
        ({"concurrency": 801}, "800"),
        ({"architecture": "arm64"}, "arm64"),
        ({"environment": {"A": "x" * 33_000}}, "32 KiB"),
    ],
)
def test_what_cloud_run_does_not_have_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        described.check(spec(**fields))


@given(st.integers(1, 800))
def test_instances_hold_the_concurrency_that_was_asked_for(concurrency: int) -> None:
    made = described.template(spec(concurrency=concurrency), 1, image="i", account="a", where=WHERE)
    at_once = min(concurrency, described.AT_ONCE)
    assert made["scaling"]["maxInstanceCount"] * at_once >= concurrency
    assert made["scaling"]["maxInstanceCount"] <= described.MOST_INSTANCES


@pytest.fixture
def deployed() -> Any:
    """(settings with more) -> (functions, Deploy)."""
    made: list[Deploy] = []

    def make(**more: Any) -> tuple[Any, Deploy]:
        settings = {**google.bucket(), **more}
        functions = open_functions(settings)
        made.append(Deploy(functions, bundle_into(open_store(settings)), runtime=HERE))
        return functions, made[0]

    yield make
    for one in made:
        one.delete()


@pytest.mark.slow
def test_who_comes_from_outside_finds_nothing_where_only_google_may_come(deployed: Any) -> None:
    """Events still arrive: Cloud Tasks and Cloud Scheduler are inside."""
    functions, deploy = deployed(ingress="internal")
    name = deploy("def handler(event, context):\n    print('delivered', event['n'])\n")
    assert functions.request(name, HttpRequest()).status == 404
    functions.event(name, {"n": 7}, wait=False)
    until(lambda: any(line.text == "delivered 7" for line in functions.logs(name)))


@pytest.mark.slow
def test_instances_that_are_always_there_start_before_anybody_calls(deployed: Any) -> None:
    functions, deploy = deployed(min_instances=1)
    name = deploy("    print('loaded')\n" + answers("a"))
    until(lambda: any(line.text == "loaded" for line in functions.logs(name)))
    assert functions.request(name, HttpRequest()).body == b"a"


@pytest.mark.slow
def test_what_was_changed_meanwhile_is_looked_at_again(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two who publish at once: both versions are there, with numbers of their own."""
    functions, deploy = deployed()
    first, second = deploy.spec(answers("a")), deploy.spec(answers("b"))
    functions.publish(first)
    change = Run.change
    raced: list[str] = []

    def racing(run: Run, what: str, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        if method == "PATCH" and not raced:
            raced.append(path)
            assert functions.publish(deploy.spec(answers("c"))) == "2"
        return change(run, what, method, path, body, query)

    monkeypatch.setattr(Run, "change", racing)
    assert functions.publish(second) == "3"
    assert functions.observe(first.name).versions == ("1", "2", "3")


@pytest.mark.slow
def test_a_version_that_came_while_traffic_was_sent_keeps_its_own_address(
    deployed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions, deploy = deployed()
    name = deploy.name()
    first = functions.publish(deploy.spec(answers("a")))
    change = Run.change
    raced: list[str] = []

    def racing(run: Run, what: str, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        if what.startswith("route") and not raced:
            raced.append(functions.publish(deploy.spec(answers("b"))))
        return change(run, what, method, path, body, query)

    monkeypatch.setattr(Run, "change", racing)
    functions.route(name, {first: 1.0})
    assert functions.request(name, HttpRequest()).body == b"a"
    assert functions.request(name, HttpRequest(), version=raced[0]).body == b"b"
