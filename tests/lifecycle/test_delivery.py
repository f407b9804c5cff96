"""Rollouts from begin to end on the memory adapter: stages, judged traffic, deaths at every call, people between."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from tests.lifecycle.shop import Shop, make_shop
from tests.lifecycle.test_deploy import tiny, version
from toolkit.domain import codec, times
from toolkit.domain.config import RolloutConfig, ServeConfig, TrustConfig
from toolkit.domain.errors import Conflict, NotFound, PlanError, Unavailable
from toolkit.engine.rollouts import Standing
from toolkit.lifecycle import delivery, deploy, destroy, launch, naming, promote, standing, status, switch
from toolkit.lifecycle.delivery import Stepped
from toolkit.packaging import bundle
from toolkit.serving import ids
from toolkit.serving.capture import Captured
from toolkit.serving.feedback import Labels
from toolkit.state import keys
from toolkit.state.incidents import Incidents
from toolkit.state.registry import Registry
from toolkit.state.service import BOUNDS, Interval, Served

START = datetime(2026, 1, 5, 12, 0, 30, tzinfo=UTC)
_names = itertools.count()


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> str:
        return times.text(self.now)

    def forward(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


class Life:
    """A shop with two versions, a clock, and traffic by the minute."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.clock = shop, Clock()
        self.ctx = shop.ctx
        self.ctx.clock = self.clock
        self.random = np.random.default_rng(0)

    def traffic(self, minutes: int, *, requests: int = 200, **bad: Any) -> None:
        """As the route splits it; `bad` are the challenger's rates: errors, slow, wrong."""
        for _ in range(minutes):
            now = standing.rollouts(self.ctx).standing()
            weights = now.rollout.weights or {1: 1.0}
            for number, share in weights.items():
                rates = bad if number == now.rollout.challenger else {}
                self._minute(number, int(self.random.binomial(requests, share)), rates)
            self.clock.forward(1)

    def _minute(self, number: int, requests: int, rates: dict[str, float]) -> None:
        errors = int(self.random.binomial(requests, rates.get("errors", 0.005)))
        slow = int(self.random.binomial(requests, rates.get("slow", 0.03)))
        latencies = [0] * (len(BOUNDS) + 1)
        latencies[3], latencies[8] = requests - slow, slow
        moment = int(self.clock.now.timestamp() * 1000)
        interval = Interval(number=moment // 60_000, requests=requests, errors=errors, latencies=tuple(latencies))
        served = Served(endpoint="shop", model_version=number, model_digest=str(number) * 64, intervals=(interval,))
        name = f"{next(_names):032x}"
        self.ctx.store.put(keys.service("test", "shop", self.clock(), name), codec.encode(served))
        if requests:
            self._captured(number, requests, rates, moment, name)

    def _captured(self, number: int, rows: int, rates: dict[str, float], moment: int, name: str) -> None:
        truth = self.random.random(rows) < 0.4
        right = self.random.random(rows) > rates.get("wrong", 0.1)
        said = truth == right
        prefix = ids.prefix(moment)
        hour = ids.start_of_hour(ids.hour(moment))
        captured = Captured(
            endpoint="shop", model="shop", model_version=number, model_digest=str(number) * 64, hour=hour,
            flushed=self.clock(), classes=("no", "yes"), requests=[(prefix, rows)], labels=said.astype(int).tolist(),
            scores=np.where(said, 0.85, 0.12).tolist(),
        )  # fmt: skip
        self.ctx.store.put(keys.capture("test", "shop", hour, name), codec.encode(captured))
        labels = Labels(
            endpoint="shop", day=hour[:10], received=self.clock(), ids=[f"{prefix}-{i}" for i in range(rows)],
            labels=["yes" if one else "no" for one in truth],
        )  # fmt: skip
        self.ctx.store.put(keys.feedback("test", "shop", hour, name), codec.encode(labels))

    def tick(self) -> Stepped:
        return delivery.tick(self.ctx)

    def until(self, phase: str, *, minutes: int = 120, **bad: Any) -> Standing:
        """Traffic and ticks, minute by minute."""
        for _ in range(minutes):
            self.traffic(1, **bad)
            found = self.tick().standing
            if found.rollout.phase == phase:
                return found
        raise AssertionError(f"never {phase}: {found.rollout}")

    @property
    def route(self) -> dict[str, float]:
        release = naming.releases(self.ctx).current()
        assert release is not None
        return {v: s for v, s in self.ctx.functions.observe(release.function).weights.items() if s}

    @property
    def champion(self) -> int:
        return Registry(self.ctx.store, "shop").aliases()["champion"]


@pytest.fixture
def life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
    made = make_shop(tmp_path).configure(rollout=RolloutConfig(bake="5m", timeout="1h", requests=50))
    version(made, 1)
    life = Life(made)
    deploy.run(life.ctx)
    challenger(made, 2)
    life.traffic(20)
    yield life
    destroy.run(life.ctx)


def challenger(shop: Shop, number: int) -> None:
    """A registered version that is not champion."""
    version(shop, number)
    Registry(shop.ctx.store, "shop").move("champion", 1, actor="ada", op=uuid.uuid4().hex, time=shop.ctx.clock())


def test_a_good_challenger_becomes_champion_stage_by_stage(life: Life) -> None:
    begun = launch.run(life.ctx, shares=(0.1, 0.5, 1.0))
    assert (begun.rollout.phase, begun.rollout.challenger) == ("canary", 2)
    assert life.route == pytest.approx({"1": 0.9, "2": 0.1})
    assert life.ctx.schedules.get(naming.function_name(life.ctx, "rollout")).event["do"] == "rollout"
    assert life.champion == 1
    life.until("baking")
    assert life.route == {"2": 1.0}
    life.until("promoted")
    assert (life.champion, life.route) == (2, {"2": 1.0})
    current = naming.releases(life.ctx).current()
    assert current is not None
    assert current.model_version == 2
    with pytest.raises(NotFound):
        life.ctx.schedules.get(naming.function_name(life.ctx, "rollout"))
    said = [line["what"] for line in delivery.story(life.ctx)]
    assert said[0].startswith("version 2 goes out beside version 1: 10%, 50%, 100%")
    assert said[1:] == ["canary: on", "canary: on", "baking: on"]


@pytest.mark.parametrize("bad", [{"errors": 0.2}, {"slow": 0.5}, {"wrong": 0.5}])
def test_a_bad_challenger_is_sent_back_by_the_judge(life: Life, bad: dict[str, Any]) -> None:
    launch.run(life.ctx, shares=(0.2, 1.0), bake="1h")
    found = life.until("rolled back", **bad)
    assert (life.champion, life.route) == (1, {"1": 1.0})
    assert "got worse" in found.rollout.why
    (incident,) = Incidents(life.ctx.store, "test", "shop").open()
    assert incident.title == "shop on test: version 2 was sent back"
    story = delivery.story(life.ctx)
    assert story[-1]["what"] == "canary: back to the champion"
    assert story[-1]["evidence"]["log_e"] > 2.9


def test_bad_only_after_the_switch_is_found_against_the_champions_earlier_minutes(life: Life) -> None:
    launch.run(life.ctx, shares=(1.0,), bake="1h")
    assert life.route == {"2": 1.0}
    life.until("rolled back", errors=0.3)
    assert (life.champion, life.route) == (1, {"1": 1.0})


def test_no_data_is_no_promotion(life: Life) -> None:
    launch.run(life.ctx, shares=(0.1, 1.0))
    life.clock.forward(30)
    assert life.tick().standing.rollout.phase == "canary"
    life.clock.forward(31)
    found = life.tick()
    assert found.standing.rollout.phase == "rolled back"
    assert "no data is no promotion" in found.standing.rollout.why
    assert life.route == {"1": 1.0}


def test_people_hold_resume_and_go_back(life: Life) -> None:
    with pytest.raises(Conflict):
        delivery.hold(life.ctx)
    launch.run(life.ctx, shares=(0.1, 1.0))
    delivery.hold(life.ctx, "lunch")
    life.traffic(30)
    assert life.tick().standing.rollout.phase == "held"
    assert life.route == pytest.approx({"1": 0.9, "2": 0.1})
    assert delivery.resume(life.ctx).rollout.phase == "canary"
    done = switch.rollback(life.ctx, reason="a hunch")
    assert (done["version"], done["previous"]) == (1, 2)
    assert (life.champion, life.route) == (1, {"1": 1.0})
    assert delivery.story(life.ctx)[-1]["why"] == "a hunch"


def test_one_rollout_at_a_time_and_no_deployment_into_it(life: Life) -> None:
    challenger(life.shop, 3)
    begun = launch.run(life.ctx, 2, shares=(0.1, 1.0))
    assert launch.run(life.ctx, 2, shares=(0.1, 1.0)).last == begun.last, "the same command again goes on"
    for other in (lambda: launch.run(life.ctx, 3, shares=(0.1, 1.0)), lambda: deploy.run(life.ctx)):
        with pytest.raises(Conflict, match="version 2 is canary"):
            other()
    with pytest.raises(Conflict):
        switch.rollback(life.ctx, version=1)
    delivery.abort(life.ctx, "enough")
    assert launch.run(life.ctx, 3, shares=(0.1, 1.0)).rollout.challenger == 3


def test_a_plain_deployment_afterwards_is_not_undone_by_a_tick(life: Life) -> None:
    launch.run(life.ctx, shares=(1.0,))
    life.until("promoted")
    version(life.shop, 3)
    deploy.run(life.ctx)
    life.tick()
    assert life.route == {"3": 1.0}
    assert switch.rollback(life.ctx)["version"] in (1, 2)
    before = life.route
    life.tick()
    assert life.route == before != {"3": 1.0}


def test_a_model_that_is_read_from_the_bucket_since_is_not_moved_by_a_tick_either(life: Life) -> None:
    launch.run(life.ctx, shares=(1.0,))
    life.until("promoted")
    life.shop.configure(serve=ServeConfig(model="bucket"), trust=TrustConfig(require=False))
    deploy.run(life.ctx)
    switch.rollback(life.ctx)
    before = life.route
    life.tick()
    assert life.route == before != {"2": 1.0}
    current = naming.releases(life.ctx).current()
    assert current is not None
    assert (life.champion, current.model_version) == (1, 1)


def test_what_cannot_be_is_refused_before_anything_is_published(life: Life) -> None:
    with pytest.raises(PlanError, match="none are kept"):
        launch.run(life.ctx, shares=(1.0,), shadowed=True)
    with pytest.raises(Conflict, match="serves already"):
        launch.run(life.ctx, 1, shares=(0.1, 1.0))
    assert life.route == {"1": 1.0}


def test_where_no_version_runs_beside_another_a_shadow_is_refused_and_the_rest_is_our_own_functions(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Azure Functions: one version serves, and traffic is neither split nor sent to any other."""
    ctx = life.ctx
    whole = ctx.providers["memory"]
    lacks = structs.replace(whole, claims=whole.claims - {"functions.weights", "functions.beside"})
    monkeypatch.setitem(ctx.providers, "memory", lacks)
    before = [state.versions for state in ctx.functions.list()]
    with pytest.raises(PlanError, match="runs no version beside another") as refused:
        launch.run(ctx, shares=(1.0,), shadowed=True)
    assert "--canary" in refused.value.hint
    assert [state.versions for state in ctx.functions.list()] == before
    assert life.route == {"1": 1.0}
    begun = launch.run(ctx, shares=(0.1, 1.0))
    assert list(begun.how["routers"]) == ["0"]
    assert set(life.route.values()) == {1.0}, "one version at a time, with both models in it"
    delivery.abort(ctx, "enough")
    assert life.route == {"1": 1.0}
    life.clock.forward(1)
    assert launch.run(ctx, 2, shares=(1.0,)).rollout.phase == "baking"  # blue-green
    assert set(life.route.values()) == {1.0}


class Dying:
    """Calls of a port, one of which is the last."""

    def __init__(self, inner: Any, countdown: list[int], after: bool) -> None:
        self._inner, self._countdown, self._after = inner, countdown, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not callable(method) or name in ("uri", "list"):
            return method

        def call(*args: Any, **more: Any) -> Any:
            self._countdown[0] -= 1
            if self._countdown[0] == 0 and not self._after:
                raise Died
            result = method(*args, **more)
            if self._countdown[0] == 0:
                raise Died
            return result

        return call


class Died(BaseException):
    pass


@pytest.mark.parametrize("bad", [{}, {"errors": 0.5}], ids=["promoted", "rolled back"])
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_a_tick_may_die_at_every_call(life: Life, bad: dict[str, Any], after: bool) -> None:
    """From the last tick of a rollout on: whatever dies, the next ticks end it, once."""
    launch.run(life.ctx, shares=(1.0,) if not bad else (0.3, 1.0), bake="5m")
    life.traffic(12, **bad)
    ctx, ports = life.ctx, ("store", "functions", "schedules")
    whole = {port: getattr(ctx, port) for port in ports}
    for number in range(1, 200):
        countdown = [number]
        for port in ports:
            ctx.__dict__[port] = Dying(whole[port], countdown, after)
        try:
            life.tick()
        except Died:
            pass
        finally:
            for port in ports:
                ctx.__dict__[port] = whole[port]
        serving = life.route
        assert set(serving) <= {"1", "2"}
        if countdown[0] > 0:
            break
    life.tick()
    ended = standing.rollouts(ctx).standing().rollout
    assert (ended.phase, life.route, life.champion) == (
        ("rolled back", {"1": 1.0}, 1) if bad else ("promoted", {"2": 1.0}, 2)
    )
    assert len(delivery.story(ctx)) == 2
    assert len([r for r in naming.releases(ctx).history() if r.release.model_version == 2]) == (0 if bad else 1)


@pytest.fixture
def ruled(life: Life, monkeypatch: pytest.MonkeyPatch) -> Life:
    """A tick has ruled that version 2 is champion, and died before it did anything about that."""
    version(life.shop, 3)
    challenger(life.shop, 2)
    launch.run(life.ctx, 2, shares=(1.0,))
    life.traffic(12)
    with monkeypatch.context() as dying:
        dying.setattr(delivery, "_promote", lambda *arguments: (_ for _ in ()).throw(Died))
        with pytest.raises(Died):
            life.tick()
    assert (life.champion, standing.rollouts(life.ctx).standing().rollout.phase) == (1, "promoted")
    return life


def test_who_comes_after_a_dead_tick_finishes_what_it_ruled(ruled: Life) -> None:
    (endpoint,) = status.run(ruled.ctx)["endpoints"]
    assert (endpoint["state"], endpoint["version"]) == ("ready", 1)
    deploy.run(ruled.ctx)
    assert (ruled.champion, ruled.route) == (2, {"2": 1.0})
    assert status.run(ruled.ctx)["endpoints"][0]["version"] == 2


def test_the_way_back_after_a_dead_tick_is_to_the_champion_before(ruled: Life) -> None:
    done = switch.rollback(ruled.ctx)
    assert (done["version"], done["previous"]) == (1, 2)
    ruled.tick()
    assert (ruled.champion, ruled.route) == (1, {"1": 1.0})


def test_what_a_person_promotes_after_a_dead_tick_stays(ruled: Life) -> None:
    promote.run(ruled.ctx, 3, gates=False, reason="I know")
    ruled.tick()
    assert ruled.champion == 3


def test_another_rollout_after_a_dead_tick_is_against_the_new_champion(ruled: Life) -> None:
    begun = launch.run(ruled.ctx, 3, shares=(0.5, 1.0)).rollout
    assert (begun.champion, begun.challenger) == (2, 3)
    assert ruled.champion == 2


class Throttled:
    """503 on every call but those that the way back is made of."""

    def __init__(self, inner: Any, allowed: Any) -> None:
        self._inner, self._allowed = inner, allowed

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def call(*args: Any, **more: Any) -> Any:
            if not self._allowed(name, *args):
                raise Unavailable(f"503 on {name}")
            return method(*args, **more)

        return call


def test_the_way_back_needs_the_journal_and_one_call_and_nothing_else(life: Life) -> None:
    launch.run(life.ctx, shares=(0.5, 1.0))
    ctx = life.ctx
    whole = {"store": ctx.store, "functions": ctx.functions, "schedules": ctx.schedules, "alerts": ctx.alerts}

    def journal(name: str, *args: Any) -> bool:
        key = str(args[0]) if args else ""
        reads = name in ("get", "head", "list") and key.startswith(("journal/", "cache/journal/"))
        return reads or (name == "put" and key.startswith("journal/rollouts/"))

    ctx.__dict__["store"] = Throttled(whole["store"], journal)
    ctx.__dict__["functions"] = Throttled(whole["functions"], lambda name, *args: name == "route")
    for port in ("schedules", "alerts"):
        ctx.__dict__[port] = Throttled(whole[port], lambda *args: False)
    try:
        done = switch.rollback(ctx, reason="everything is on fire")
    finally:
        ctx.__dict__.update(whole)
    assert done["version"] == 1
    assert life.route == {"1": 1.0}
    assert delivery.story(ctx)[-1]["why"] == "everything is on fire"
    life.tick()
    with pytest.raises(NotFound):
        ctx.schedules.get(naming.function_name(ctx, "rollout"))
