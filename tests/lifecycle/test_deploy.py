"""Deploying: converges after dying at any action, switches back without building, leaves nothing when destroyed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit import resources
from toolkit.domain import codec, digest
from toolkit.domain.errors import Locked, NotFound
from toolkit.domain.records import Feature, ModelManifest, Signature, Split
from toolkit.lifecycle import deploy, destroy, gc, naming, status, switch
from toolkit.lifecycle.lock import exclusively
from toolkit.packaging import bundle
from toolkit.packaging.bundle import Bundle, BundleSpec
from toolkit.state.blobs import Blobs
from toolkit.state.registry import Registry

HANDLER = b"def handler(event, context):\n    return {'statusCode': 200, 'body': '%s'}\n"
SIGNATURE = Signature(task="binary", features=(Feature(name="a", dtype="float64"),), label="y", classes=("no", "yes"))


class Died(BaseException):
    """The process, at an action."""


def tiny(spec: BundleSpec, into: Path) -> Bundle:
    """A bundle that answers at once: what real ones hold is tested with packaging and in the journeys."""
    manifest = spec.model_files.get("manifest.json", b"")
    assert isinstance(manifest, bytes)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), HANDLER % digest.of_bytes(manifest)[:8].encode())
    data = stream.getvalue()
    path = into / f"{spec.function}-{digest.of_bytes(data)}.zip"
    path.write_bytes(data)
    return Bundle(path, digest.of_bytes(data), len(data), len(data), 1, (), {})


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
    made = make_shop(tmp_path)
    version(made, 1)
    yield made
    destroy.run(made.ctx)


def version(shop: Shop, number: int) -> None:
    """A registered champion, as far as a deployment looks at it."""
    manifest = ModelManifest(
        model="shop", signature=SIGNATURE,
        files={}, sizes={}, metrics={"roc_auc": 0.5 + number / 10}, dataset="shop", dataset_version="d", code="c",
        split=Split(),
    )  # fmt: skip
    stored = Blobs(shop.ctx.store).put(codec.encode(manifest))
    registry = Registry(shop.ctx.store, "shop")
    registry.register(stored, f"run-{number}", {}, actor="ada", op=f"register-{number}", time=shop.ctx.clock())
    registry.move("champion", number, actor="ada", op=f"move-{number}", time=shop.ctx.clock())


def test_the_second_plan_is_empty(shop: Shop) -> None:
    assert {a.kind for a in deploy.plan(shop.ctx).changes} == {*resources.KINDS} - {"watch"}
    done = deploy.run(shop.ctx)
    assert done.release.model_version == 1
    assert deploy.plan(shop.ctx).changes == ()
    assert deploy.run(shop.ctx).plan.changes == ()
    assert len(naming.releases(shop.ctx).history()) == 1, "nothing changed, so nothing is released again"


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("at", range(7))
def test_a_run_that_died_anywhere_is_finished_by_the_next(
    shop: Shop, at: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(100))
    with monkeypatch.context() as dying:
        for name, kind in resources.KINDS.items():
            dying.setitem(resources.KINDS, name, Dying(kind, count, at, after))
        with pytest.raises(Died):
            deploy.run(shop.ctx)
    releases = naming.releases(shop.ctx)
    assert len(releases.pending()) == 1
    done = deploy.run(shop.ctx)
    assert naming.releases(shop.ctx).pending() == ()
    assert deploy.plan(shop.ctx).changes == ()
    assert len(list(shop.ctx.functions.list(shop.ctx.tags()))) == 2
    assert status.run(shop.ctx)["endpoints"][0]["state"] == "ready"
    assert done.release.function_version == "1"


class Dying:
    def __init__(self, kind: Any, count: Iterator[int], at: int, after: bool) -> None:
        self.kind, self.count, self.at, self.after = kind, count, at, after
        self.observe = kind.observe

    def apply(self, ctx: Any, action: Any) -> Any:
        dies = next(self.count) == self.at
        if dies and not self.after:
            raise Died
        result = self.kind.apply(ctx, action)
        if dies:
            raise Died
        return result


def test_rolling_back_builds_and_uploads_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy.run(shop.ctx)
    version(shop, 2)
    second = deploy.run(shop.ctx)
    assert second.release.model_version == 2
    monkeypatch.setattr(bundle, "build", lambda *arguments: pytest.fail("a rollback builds nothing"))
    done = switch.rollback(shop.ctx, reason="worse")
    assert (done["version"], done["previous"]) == (1, 2)
    current = naming.releases(shop.ctx).current()
    assert current is not None
    assert (current.model_version, current.reason) == (1, "rollback: worse")
    state = shop.ctx.functions.observe(current.function)
    assert state.weights == {current.function_version: 1.0}
    assert Registry(shop.ctx.store, "shop").aliases()["champion"] == 1


def test_rolling_back_to_what_was_never_deployed_says_so(shop: Shop) -> None:
    version(shop, 2)
    deploy.run(shop.ctx)
    with pytest.raises(NotFound, match="never deployed"):
        switch.rollback(shop.ctx)


def test_destroy_leaves_nothing_but_the_journal(shop: Shop) -> None:
    deploy.run(shop.ctx)
    done = destroy.run(shop.ctx)
    assert done["left"] == []
    assert resources.observe(shop.ctx) == []
    assert status.run(shop.ctx)["endpoints"] == []
    assert Registry(shop.ctx.store, "shop").versions()
    assert destroy.run(shop.ctx)["removed"] == 0
    assert destroy.run(shop.ctx, purge=True)["purged"] is True
    assert [meta.key for meta in shop.ctx.store.list()] == []


def test_two_deployments_do_not_run_at_once(shop: Shop) -> None:
    with exclusively(shop.ctx), pytest.raises(Locked, match="ada"):
        deploy.run(shop.ctx)
    deploy.run(shop.ctx)


def test_a_killed_holder_of_this_machine_is_superseded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.state.leases import Leases

    monkeypatch.setattr("toolkit.lifecycle.lock.socket.gethostname", lambda: "here")
    Leases(shop.ctx.store).acquire("deploy-test-shop", "ada [here 999999999]", 600.0)
    deploy.run(shop.ctx)


def test_traffic_that_was_moved_by_hand_is_divergence(shop: Shop) -> None:
    deploy.run(shop.ctx)
    version(shop, 2)
    release = deploy.run(shop.ctx).release
    shop.ctx.functions.route(release.function, {"1": 1.0})
    found = status.run(shop.ctx)
    assert found["endpoints"][0]["state"] == "diverged"
    assert found["next"] == "toolkit deploy"
    deploy.run(shop.ctx)
    assert status.run(shop.ctx)["endpoints"][0]["state"] == "ready"


def test_old_versions_go_and_the_serving_one_stays(shop: Shop) -> None:
    for number in range(1, 9):
        if number > 1:
            version(shop, number)
        release = deploy.run(shop.ctx).release
    assert gc.run(shop.ctx)["versions"] == 8 - 1 - gc.KEPT_IDLE
    state = shop.ctx.functions.observe(release.function)
    assert len(state.versions) == 1 + gc.KEPT_IDLE
    assert state.weights == {release.function_version: 1.0}


def test_without_a_champion_there_is_nothing_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        deploy.plan(make_shop(tmp_path).ctx)
    assert caught.value.hint == "toolkit train"
