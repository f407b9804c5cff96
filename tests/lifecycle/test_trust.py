"""From `keys create` to a deployment that asks for a signature, and a promotion that is one entry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.lifecycle.shop import Shop, make_shop
from tests.lifecycle.test_deploy import tiny
from toolkit.domain import codec, trust
from toolkit.domain.config import ServeConfig, TrustConfig
from toolkit.domain.errors import ConfigError, Corrupt, NotFound, Unsupported, Untrusted
from toolkit.domain.records import Feature, ModelManifest, ModelVersion, Release, Signature, Split
from toolkit.domain.specs import Binding, Runtime
from toolkit.lifecycle import deploy, destroy, keys, naming, promote, runtime, sign, switch, verify
from toolkit.lifecycle import trust as policy
from toolkit.packaging import bundle
from toolkit.resources import bundle as bundles
from toolkit.serving.source import Source
from toolkit.state.blobs import Blobs
from toolkit.state.keys import model_file
from toolkit.state.registry import Registry
from toolkit.state.signatures import Signatures


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A project on a machine that can hold keys, with nothing trusted yet."""
    monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
    made = make_shop(tmp_path)
    made.ctx.signer_binding = Binding(provider="local", settings={"keys": str(tmp_path / "keys")})
    yield made.configure(gates=[])
    destroy.run(made.ctx)


def registered(shop: Shop, number: int, *, signed: bool = False, champion: bool = False) -> ModelVersion:
    """Version `number`, registered as a job would (without its key at hand, unless `signed`)."""
    blobs, registry = Blobs(shop.ctx.store), Registry(shop.ctx.store, "shop")
    files = {"model.onnx": blobs.put(b"graph %d" % number), "profile": blobs.put(b"profile %d" % number)}
    manifest = ModelManifest(
        model="shop", signature=Signature(task="binary", features=(Feature(name="a", dtype="float64"),), label="y"),
        files=files, sizes={}, metrics={}, dataset="shop", dataset_version="d", code="c", split=Split(),
    )  # fmt: skip
    made = registry.register(
        blobs.put(codec.encode(manifest)), f"run-{number}", {}, actor="ada", op=f"register-{number}",
        time=shop.ctx.clock(),
    )  # fmt: skip
    if signed:
        sign.model(shop.ctx, made)
    if champion:
        registry.move("champion", number, actor="ada", op=f"move-{number}", time=shop.ctx.clock())
    return made


def bucket_shop(shop: Shop, **policy: Any) -> Shop:
    return shop.configure(serve=ServeConfig(model="bucket"), trust=TrustConfig(**policy))


def told(shop: Shop) -> Runtime:
    """What the inference function was told."""
    release = naming.releases(shop.ctx).current()
    assert release is not None
    text = deploy._wanted(shop.ctx, None).inference.environment["TOOLKIT_RUNTIME"]
    return msgspec.json.decode(text, type=Runtime)


def test_with_no_key_nothing_is_asked_and_nothing_changes(shop: Shop) -> None:
    registered(shop, 1, champion=True)
    assert not policy.required(shop.ctx)
    assert policy.signing(shop.ctx) is None
    deploy.run(shop.ctx)
    assert list(shop.ctx.store.list("signatures/")) == []


def test_the_first_key_turns_signing_and_asking_on(shop: Shop) -> None:
    version = registered(shop, 1, champion=True)
    key = keys.create(shop.ctx, owner="ada")
    assert (shop.folder / f"trust/{key.id}.pub").is_file()
    with pytest.raises(Untrusted, match="version 1 has no signature of a trusted key") as caught:
        deploy.plan(shop.ctx)
    assert "toolkit keys sign 1" in caught.value.hint
    assert sign.model(shop.ctx, version) == key.id
    assert sign.model(shop.ctx, version) == key.id, "once is enough"
    assert len(list(shop.ctx.store.list("signatures/"))) == 1
    done = deploy.run(shop.ctx)
    found = Signatures(shop.ctx.store, done.release.bundle).verified(
        policy.root(shop.ctx),
        sign.of_bundle(shop.ctx, version, done.release.bundle, version.digest),
        now=shop.ctx.clock(),
    )
    assert (found.predicate.target, found.predicate.function) == ("test", done.release.function)


def test_what_is_trained_where_the_key_is_is_signed_there(shop: Shop) -> None:
    from toolkit.lifecycle import train

    shop.dataset()
    key = keys.create(shop.ctx)
    result = train.run(shop.ctx, dataset=shop.dataset())
    assert result.version == 1
    policy.check(shop.ctx, Registry(shop.ctx.store, "shop").version(1))
    (meta,) = shop.ctx.store.list("signatures/")
    assert key.id in meta.key


def test_a_run_that_was_there_before_is_not_signed_in_passing(shop: Shop) -> None:
    from toolkit.lifecycle import train

    dataset = shop.dataset()
    train.run(shop.ctx, dataset=dataset)
    keys.create(shop.ctx)
    assert train.run(shop.ctx, dataset=dataset).reused
    assert list(shop.ctx.store.list("signatures/")) == []


def test_what_is_not_whole_is_not_signed(shop: Shop) -> None:
    from toolkit.lifecycle import find
    from toolkit.state import keys as places

    keys.create(shop.ctx)
    version = registered(shop, 1)
    shop.ctx.store.delete(places.blob(find.manifest(shop.ctx, version).files["profile"]))
    with pytest.raises(Corrupt, match="has no profile: it was not signed"):
        sign.model(shop.ctx, version)


def test_a_signature_ends_with_its_key_or_before(shop: Shop) -> None:
    key = keys.create(shop.ctx, days=10)
    sign.model(shop.ctx, first := registered(shop, 1))
    shop.configure(trust=TrustConfig(valid="1d"))
    sign.model(shop.ctx, second := registered(shop, 2))

    def ends(version: ModelVersion) -> str:
        root, expected = policy.root(shop.ctx), policy.expected(shop.ctx, version)
        return (
            Signatures(shop.ctx.store, version.digest).verified(root, expected, now=shop.ctx.clock()).predicate.expires
        )

    assert ends(first) == key.expires
    assert ends(second) < key.expires


def test_requiring_without_a_key_is_a_mistake_and_not_requiring_is_allowed(shop: Shop) -> None:
    registered(shop, 1, champion=True)
    with pytest.raises(ConfigError, match="the project trusts no key"):
        deploy.plan(shop.configure(trust=TrustConfig(require=True)).ctx)
    keys.create(shop.ctx)
    deploy.plan(shop.configure(trust=TrustConfig(require=False)).ctx)


def test_a_revoked_key_and_what_it_signed_are_refused(shop: Shop) -> None:
    key = keys.create(shop.ctx)
    registered(shop, 1, signed=True, champion=True)
    deploy.plan(shop.ctx)
    with pytest.raises(ConfigError, match="needs a reason"):
        keys.revoke(shop.ctx, key.id, "")
    keys.revoke(shop.ctx, key.id[:6], "laptop lost")
    assert [entry.state for entry in keys.listed(shop.ctx)] == [
        f"was revoked at {keys.find(shop.ctx, key.id).revoked} (laptop lost)"
    ]
    with pytest.raises(Untrusted, match=r"was revoked at .* \(laptop lost\)"):
        deploy.plan(shop.ctx)
    with pytest.raises(NotFound, match="no private key of a trusted"):
        sign.model(shop.ctx, registered(shop, 2))


def test_rotating_adds_a_key_and_lets_the_old_one_end(shop: Shop) -> None:
    old = keys.create(shop.ctx)
    registered(shop, 1, signed=True, champion=True)
    new, ending = keys.rotate(shop.ctx, overlap_days=60)
    assert [key.id for key in ending] == [old.id]
    assert ending[0].expires < old.expires
    signing = policy.signing(shop.ctx)
    assert signing is not None
    assert signing.id == new.id
    deploy.plan(shop.ctx)  # what the old one signed is still served
    assert not any(f"key {old.id} expires" in line for line in policy.warnings(shop.ctx))
    keys.rotate(shop.ctx, overlap_days=5)
    assert any(f"key {new.id} expires" in line for line in policy.warnings(shop.ctx))


def test_a_stranger_is_not_trusted_by_a_file_that_is_no_key(shop: Shop) -> None:
    key = keys.create(shop.ctx)
    place = shop.folder / f"trust/{key.id}.pub"
    document = json.loads(place.read_bytes())
    place.write_text(json.dumps({**document, "id": "0" * 16}))
    with pytest.raises(ConfigError, match=f"{place}: the id '0000000000000000' is not that of its key"):
        policy.root(shop.ctx)


def test_the_private_key_is_in_no_bucket_and_no_project(shop: Shop, tmp_path: Path) -> None:
    key = keys.create(shop.ctx)
    registered(shop, 1, signed=True, champion=True)
    deploy.run(shop.ctx)
    private = (tmp_path / "keys" / f"{key.id}.key").read_bytes()
    secret = private.splitlines()[1]
    assert all(secret not in shop.ctx.store.get(meta.key).data for meta in shop.ctx.store.list())
    assert all(secret not in path.read_bytes() for path in shop.folder.rglob("*") if path.is_file())


def test_where_nobody_holds_keys_none_are_made(shop: Shop) -> None:
    shop.ctx.signer_binding = None
    with pytest.raises(Unsupported, match="not a place where keys are made"):
        keys.create(shop.ctx)
    assert keys.listed(shop.ctx) == []


def test_a_job_is_told_the_trust_root_and_the_signer_where_it_runs_beside_the_keys(shop: Shop) -> None:
    def asked() -> Runtime:
        return msgspec.json.decode(runtime.runtime(shop.ctx, config=True)["TOOLKIT_RUNTIME"], type=Runtime)

    assert "signer" not in asked().ports
    key = keys.create(shop.ctx)
    assert "signer" not in asked().ports, "the keys are on this machine, the job is not"
    assert shop.ctx.signer_binding is not None
    shop.ctx.bindings["jobs"] = Binding(provider="local")
    assert asked().ports["signer"] == shop.ctx.signer_binding
    shop.ctx.bindings["jobs"] = shop.ctx.bindings["store"]
    portable = runtime.portable(shop.ctx)
    assert [trusted.id for trusted in portable.trust.keys] == [key.id]
    shop.ctx.directory = shop.folder / "nowhere"
    assert [k.id for k in policy.root(shop.configure(trust=portable.trust).ctx).keys] == [key.id]


def test_the_policy_forbids_to_go_back(shop: Shop) -> None:
    keys.create(shop.ctx)
    shop.configure(trust=TrustConfig(rollback="forbid"))
    for number in (1, 2):
        registered(shop, number, signed=True, champion=True)
        deploy.run(shop.ctx)
    with pytest.raises(Untrusted, match="version 1 of shop is older than version 2"):
        deploy.run(shop.ctx, 1)
    with pytest.raises(Untrusted, match="forbids to go back"):
        switch.rollback(shop.ctx)
    assert Registry(shop.ctx.store, "shop").aliases()["champion"] == 2, "and the alias was not moved first"
    shop.configure(trust=TrustConfig(rollback="allow"))
    assert switch.rollback(shop.ctx)["version"] == 1


def test_a_champion_needs_what_a_deployment_would_ask_for(shop: Shop) -> None:
    keys.create(shop.ctx)
    registered(shop, 1)
    with pytest.raises(Untrusted):
        promote.run(shop.ctx, 1)
    assert Registry(shop.ctx.store, "shop").aliases() == {}
    promote.run(shop.ctx, 1, alias="challenger")


def test_another_bundle_at_the_place_of_ours_is_not_deployed(shop: Shop) -> None:
    """Whoever can write to the bucket can be there first: the names of bundles are no secret."""
    registered(shop, 1, champion=True)
    spec = deploy._wanted(shop.ctx, None).inference
    shop.ctx.store.put(spec.bundle_key, b"a bundle of somebody else's")
    made = deploy.plan(shop.ctx)
    (action,) = [a for a in made.actions if a.kind == "bundle" and a.payload.get("key") == spec.bundle_key]
    with pytest.raises(Corrupt, match="is not the bundle of that name"):
        bundles.apply(shop.ctx, action)
    with pytest.raises(Corrupt):  # and who finds it there already, finds out when it is published
        deploy.run(shop.ctx)


def test_a_deployed_bundle_is_verified_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its bytes and by who vouches for them; a bundle found signed is held to that signature, key or no key."""
    keys.create(shop.ctx)
    version = registered(shop, 1, signed=True, champion=True)
    release = deploy.run(shop.ctx).release
    assert list(verify._deployed(shop.ctx, version)) == []

    with monkeypatch.context() as away:
        away.setitem(vars(shop.ctx), "signer", None)
        assert not [note for note in deploy.run(shop.ctx).notes if "not signed" in note], "it was signed before"
        for meta in list(shop.ctx.store.list(f"signatures/{release.bundle}/")):
            shop.ctx.store.put(meta.key, b"{}")
        (note,) = [note for note in deploy.run(shop.ctx).notes if "not signed" in note]
        assert "no trusted private key is here" in note
    (finding,) = verify._deployed(shop.ctx, version)
    assert finding.startswith("bundle: not trusted")
    place = bundles.key(shop.ctx.target, release.bundle)
    shop.ctx.store.put(place, shop.ctx.store.get(place).data + b"x")
    assert next(verify._deployed(shop.ctx, version)).startswith("bundle: it has the digest")
    shop.ctx.store.delete(place)
    assert "bundle: " in next(verify._deployed(shop.ctx, version))


# The model in the bucket


def test_a_model_in_the_bucket_needs_a_key_unless_said_otherwise(shop: Shop) -> None:
    registered(shop, 1, champion=True)
    with pytest.raises(Untrusted, match="needs a trusted key"):
        deploy.plan(bucket_shop(shop).ctx)
    deploy.plan(bucket_shop(shop, require=False).ctx)


def test_the_function_is_told_keys_and_no_version(shop: Shop) -> None:
    key = keys.create(shop.ctx)
    registered(shop, 1, signed=True, champion=True)
    deploy.run(bucket_shop(shop).ctx)
    said = told(shop)
    assert (said.model_version, said.model_digest) == (0, "")
    root = msgspec.convert(said.values["bucket"]["trust"], trust.TrustRoot)
    assert [(k.id, k.public) for k in root.keys] == [(key.id, key.public)]
    assert (root.rollback, root.least, said.values["bucket"]["seconds"]) == ("allow", 0, 30.0)


def test_the_copy_that_an_endpoint_reads_is_looked_at_too(shop: Shop) -> None:
    keys.create(shop.ctx)
    version = registered(shop, 1, signed=True, champion=True)
    deploy.run(bucket_shop(shop).ctx)
    assert list(verify._deployed(shop.ctx, version)) == []
    for damage in (lambda key: shop.ctx.store.put(key, b"others"), shop.ctx.store.delete):
        damage(model_file(version.digest))
        (finding,) = verify._deployed(shop.ctx, version)
        assert finding.startswith(f"{model_file(version.digest)}: ")
    deploy.run(bucket_shop(shop).ctx)
    assert list(verify._deployed(shop.ctx, version)) == []


def serving(shop: Shop) -> Release:
    """What a function that starts now serves, with its own configuration, and after its own checks."""
    said = told(shop)
    root = msgspec.convert(said.values["bucket"]["trust"], trust.TrustRoot)
    source = Source(shop.ctx.store, model=said.model, target=said.target, endpoint=said.endpoint, root=root)
    release = source.current()
    assert release is not None
    trust.allowed(root, release.model, release.model_version)
    source._vouched(
        root, release, codec.decode(Blobs(shop.ctx.store, model_file).get(release.model_digest), ModelManifest)
    )
    return release


def test_promotion_and_rollback_are_one_entry_each(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.create(shop.ctx)
    registered(shop, 1, signed=True, champion=True)
    first = deploy.run(bucket_shop(shop).ctx).release
    assert serving(shop).model_version == 1
    registered(shop, 2, signed=True)
    with monkeypatch.context() as nothing_else:
        nothing_else.setattr(bundle, "build", lambda *arguments: pytest.fail("nothing is built"))
        nothing_else.setattr(type(shop.ctx.functions), "route", lambda *arguments: pytest.fail("nothing is called"))
        assert promote.run(shop.ctx, 2).endpoint == "shop"
    assert serving(shop).model_version == 2
    assert deploy.plan(shop.ctx).changes == (), "the configuration names no version"
    assert deploy.run(shop.ctx).release.model_version == 2
    with monkeypatch.context() as nothing_else:
        nothing_else.setattr(type(shop.ctx.functions), "route", lambda *arguments: pytest.fail("nothing is called"))
        assert switch.rollback(shop.ctx, reason="worse")["version"] == 1
    assert serving(shop).model_version == 1
    current = naming.releases(shop.ctx).current()
    assert current is not None
    assert (current.function_version, current.reason) == (first.function_version, "rollback: worse")
    assert naming.releases(shop.ctx).previous() is None, "a rollback goes back, it does not add"


def test_an_unsigned_version_is_not_announced(shop: Shop) -> None:
    keys.create(shop.ctx)
    registered(shop, 1, signed=True, champion=True)
    deploy.run(bucket_shop(shop).ctx)
    registered(shop, 2)
    with pytest.raises(Untrusted):
        promote.run(shop.ctx, 2)
    assert serving(shop).model_version == 1


def test_a_baked_endpoint_is_not_promoted_in_passing(shop: Shop) -> None:
    registered(shop, 1, champion=True)
    deploy.run(shop.ctx)
    registered(shop, 2)
    assert promote.run(shop.ctx, 2).endpoint == ""
    current = naming.releases(shop.ctx).current()
    assert current is not None
    assert current.model_version == 1


def test_from_baked_to_bucket_and_back(shop: Shop) -> None:
    keys.create(shop.ctx)
    registered(shop, 1, signed=True, champion=True)
    deploy.run(shop.ctx)
    assert deploy.run(bucket_shop(shop).ctx).release.source == "bucket"
    assert serving(shop).model_version == 1
    shop.configure(serve=ServeConfig())
    release = deploy.run(shop.ctx).release
    assert (release.source, release.model_version) == ("baked", 1)


def test_the_least_version_is_pinned_where_going_back_is_forbidden(shop: Shop) -> None:
    keys.create(shop.ctx)
    registered(shop, 1, signed=True, champion=True)
    deploy.run(bucket_shop(shop, rollback="forbid").ctx)
    promote.run(shop.ctx, registered(shop, 2, signed=True).version)
    deploy.run(shop.ctx)
    assert told(shop).values["bucket"]["trust"]["least"] == 2
    with pytest.raises(Untrusted, match="forbids to go back"):
        switch.rollback(shop.ctx)
