"""Everything that somebody who can write to the bucket can do to a signed model, tried: all of it is refused.

Each mutation is one change of what is there, or of who is trusted. A refusal is an error that says what is wrong, and
comes before onnxruntime is started.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.serving import endpoints
from tests.serving.endpoints import Files, packed
from tests.serving.signed import AFTER, BEFORE, NOW, Bucket, Key, expected, predicate, release, signed
from toolkit.adapters.memory.store import forget, open_store
from toolkit.domain import codec, digest, trust
from toolkit.domain.errors import Corrupt, NotFound, ToolkitError, Untrusted
from toolkit.domain.records import ModelManifest, Release
from toolkit.domain.trust import BUNDLE, TrustRoot
from toolkit.ports.store import Meta, Object
from toolkit.serving import session
from toolkit.serving.model import load
from toolkit.serving.source import Source
from toolkit.state import keys

ADA, EVE, OLD = Key(1, owner="ada"), Key(2, owner="eve"), Key(3, owner="old", expires=BEFORE)
GONE = Key(4, owner="gone", revoked=BEFORE, why="lost")
SOON = Key(5, owner="soon", not_before=AFTER)
ROOT = TrustRoot(keys=(ADA.public, OLD.public, GONE.public, SOON.public))
VERSION = 5


class Mutation(NamedTuple):
    """`objects` lie over the bucket's own; None: not there."""

    name: str
    objects: dict[str, bytes | None] = {}  # noqa: RUF012
    release: Release | None = None
    root: TrustRoot = ROOT


class Overlaid:
    """A store with other objects in the place of some."""

    def __init__(self, store: Any, objects: dict[str, bytes | None]) -> None:
        self._store, self._objects = store, objects

    def get(self, key: str) -> Object:
        if key not in self._objects:
            found: Object = self._store.get(key)
            return found
        data = self._objects[key]
        if data is None:
            raise NotFound(f"no {key}")
        return Object(meta=Meta(key=key, size=len(data), etag="", modified=NOW), data=data)


def mine() -> Files:
    return endpoints.bundled_files()


def other() -> Files:
    """Another model of the same name and the same roles, signed too."""
    files = endpoints.regression_files()
    manifest = codec.decode(files.files["manifest.json"], ModelManifest)
    return packed(manifest.signature, {"model.onnx": files.files["model.onnx"], "profile": b"another profile"})


def blob(files: Files, role: str) -> str:
    return keys.model_file(digest.of_bytes(files.files[role]))


PLACE = keys.signature(mine().digest, ADA.id, 1)
ENVELOPE = signed(ADA, mine(), VERSION)
BODY = base64.b64decode(json.loads(ENVELOPE)["payload"])


def flips(data: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`data` with one bit changed: its first and last byte, and places all over."""
    rng = random.Random(seed)
    places = [0, *sorted(rng.sample(range(1, len(data) - 1), min(count, len(data)) - 2)), len(data) - 1]
    for place in places:
        bit = rng.randrange(8)
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        yield f"bit {bit} of byte {place}", bytes(changed)


def cuts(data: bytes) -> Iterator[tuple[str, bytes]]:
    for length in (0, 1, len(data) // 2, len(data) - 1):
        yield f"cut to {length}", data[:length]
    yield "a byte more", data + b"\0"
    yield "a space more", data + b" "
    yield "twice", data + data


def files_changed() -> Iterator[Mutation]:
    for role, count in (("model.onnx", 120), ("manifest.json", 90), ("profile", 60)):
        data, place = mine().files[role], blob(mine(), role)
        for name, changed in [*flips(data, count, seed=count), *cuts(data)]:
            yield Mutation(f"{role}: {name}", {place: changed})
        yield Mutation(f"{role}: gone", {place: None})


def envelopes_changed() -> Iterator[Mutation]:
    for name, changed in [*flips(ENVELOPE, 160, seed=5), *cuts(ENVELOPE)]:
        yield Mutation(f"envelope: {name}", {PLACE: changed})
    yield Mutation("envelope: gone", {PLACE: None})


def signatures_changed() -> Iterator[Mutation]:
    document = json.loads(ENVELOPE)
    entry = document["signatures"][0]
    raw = base64.b64decode(entry["sig"])
    for name, changed in [*flips(raw, 80, seed=6), *cuts(raw)]:
        sig = base64.b64encode(changed).decode()
        yield Mutation(f"signature: {name}", {PLACE: written(document, [{**entry, "sig": sig}])})
    order = 2**252 + 27742317777372353535851937790883648493
    again = int.from_bytes(raw[32:], "little") + order
    sig = base64.b64encode(raw[:32] + again.to_bytes(32, "little")).decode()
    yield Mutation("signature: its second spelling", {PLACE: written(document, [{**entry, "sig": sig}])})
    eves = base64.b64encode(EVE.private.sign(trust.signed_bytes(BODY))).decode()
    both = {"keyid": EVE.id, "sig": eves}
    for name, entries in {
        "twice the same": [entry, entry],
        "a second by a stranger": [entry, both],
        "a stranger's first": [both, entry],
        "none": [],
        "a stranger's under our key's name": [{"keyid": ADA.id, "sig": eves}],
        "ours under a stranger's name": [{"keyid": EVE.id, "sig": entry["sig"]}],
        "ours under another trusted name": [{"keyid": OLD.id, "sig": entry["sig"]}],
        "ours under no name": [{"keyid": "", "sig": entry["sig"]}],
        "with a certificate": [{**entry, "cert": "x"}],
    }.items():
        yield Mutation(f"signatures: {name}", {PLACE: written(document, entries)})


def written(document: dict[str, Any], entries: list[dict[str, str]], **more: str) -> bytes:
    return json.dumps({**document, "signatures": entries, **more}, separators=(",", ":")).encode()


def payload_types() -> Iterator[Mutation]:
    document = json.loads(ENVELOPE)
    for kind in ("", "application/json", "application/vnd.in-toto+json ", "APPLICATION/VND.IN-TOTO+JSON", "text/plain",
                 "application/vnd.dsse+json", "application/vnd.in-toto+json;v=2", "null"):  # fmt: skip
        relabelled = written(document, document["signatures"], payloadType=kind)
        yield Mutation(f"type {kind!r}, put on afterwards", {PLACE: relabelled})
        truly = base64.b64encode(ADA.private.sign(trust.signed_bytes(BODY, kind))).decode()
        entry = {"keyid": ADA.id, "sig": truly}
        yield Mutation(f"type {kind!r}, truly signed", {PLACE: written(document, [entry], payloadType=kind)})
        yield Mutation(f"signed as {kind!r}, shown as ours", {PLACE: written(document, [entry])})


def files_swapped() -> Iterator[Mutation]:
    """Every file of one signed model in the place of every file of the other, and whole models."""
    for role in mine().files:
        for theirs in other().files:
            place, data = blob(mine(), role), other().files[theirs]
            yield Mutation(f"{theirs} of another model as {role}", {place: data})
        for own in mine().files:
            if own != role:
                yield Mutation(f"own {own} as {role}", {blob(mine(), role): mine().files[own]})
    yield Mutation("the other model's signature", {PLACE: signed(ADA, other(), VERSION)})
    yield Mutation("the other model under our version", release=release(other(), VERSION))
    manifest = codec.decode(mine().files["manifest.json"], ModelManifest)
    for role in manifest.files:
        mixed = msgspec.structs.replace(manifest, files={**manifest.files, role: "0" * 64})
        yield from forged(codec.encode(mixed), f"a manifest with another {role}")
        less = {name: value for name, value in manifest.files.items() if name != role}
        yield from forged(codec.encode(msgspec.structs.replace(manifest, files=less)), f"a manifest without {role}")
    more = msgspec.structs.replace(manifest, files={**manifest.files, "more": "0" * 64})
    yield from forged(codec.encode(more), "a manifest with one more file")


def forged(manifest: bytes, name: str, number: int = VERSION) -> Iterator[Mutation]:
    """A manifest of one's own making, with every signature that one can put beside it."""
    files = Files({**mine().files, "manifest.json": manifest}, digest.of_bytes(manifest), None, None)
    made, blobs = release(files, number), {keys.model_file(files.digest): manifest}
    yield Mutation(f"{name}, unsigned", dict(blobs), made)
    yield Mutation(f"{name}, with ours", {**blobs, keys.signature(files.digest, ADA.id, 1): ENVELOPE}, made)
    stranger = EVE.envelope(trust.payload(trust.statement(trust.MODEL, expected(files, number).digests,
                                                          predicate(EVE, number))))  # fmt: skip
    renamed = stranger.replace(EVE.id.encode(), ADA.id.encode())
    yield Mutation(f"{name}, by a stranger", {**blobs, keys.signature(files.digest, EVE.id, 1): stranger}, made)
    yield Mutation(f"{name}, by a stranger as us", {**blobs, keys.signature(files.digest, ADA.id, 1): renamed}, made)


def renamed() -> Iterator[Mutation]:
    for name in ("trains", "flight", "flights2", "Flights", "", "flights ", "../flights"):
        yield Mutation(f"the journal names {name!r}", release=release(mine(), VERSION, model=name))
        yield Mutation(f"signed as {name!r}", {PLACE: signed(ADA, mine(), VERSION, model=name)})
    manifest = codec.decode(mine().files["manifest.json"], ModelManifest)
    yield from forged(codec.encode(msgspec.structs.replace(manifest, model="trains")), "a renamed manifest")
    for number in (0, 1, VERSION - 1, VERSION + 1, 10**9, -1):
        yield Mutation(f"called version {number}", release=release(mine(), number))
    yield Mutation("signed as a bundle", {PLACE: signed(ADA, mine(), VERSION, kind=BUNDLE)})


def replayed() -> Iterator[Mutation]:
    """True signatures of older versions, where the policy forbids to go back."""
    for number in range(1, 31):
        place = keys.signature(mine().digest, ADA.id, 1)
        root = TrustRoot(keys=ROOT.keys, rollback="forbid", least=31)
        yield Mutation(f"version {number}", {place: signed(ADA, mine(), number)}, release(mine(), number), root)


def wrong_keys() -> Iterator[Mutation]:
    for key in (OLD, GONE, SOON, EVE):
        objects: dict[str, bytes | None] = {
            PLACE: None,
            keys.signature(mine().digest, key.id, 1): signed(key, mine(), VERSION),
        }
        yield Mutation(f"only {key.public.owner} signed", objects)
        yield Mutation(f"{key.public.owner}'s in our place", {PLACE: signed(key, mine(), VERSION)})
    yield Mutation("nobody is trusted", root=TrustRoot())
    yield Mutation("somebody else is trusted", root=TrustRoot(keys=(EVE.public,)))
    for field, value in {"revoked": BEFORE, "expires": NOW, "not_before": AFTER, "public": EVE.public.public}.items():
        changed = msgspec.structs.replace(ADA.public, **{field: value})
        yield Mutation(f"our key with {field} {value}", root=TrustRoot(keys=(changed,)))
    for field, value in {"expires": BEFORE, "created": AFTER}.items():
        yield Mutation(f"statement with {field} {value}", {PLACE: signed(ADA, mine(), VERSION, **{field: value})})


FAMILIES: dict[str, Callable[[], Iterator[Mutation]]] = {
    "files changed": files_changed,
    "envelopes changed": envelopes_changed,
    "signatures changed": signatures_changed,
    "payload types": payload_types,
    "files swapped": files_swapped,
    "renamed": renamed,
    "replayed": replayed,
    "wrong keys": wrong_keys,
}


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    name = request.node.nodeid
    made = Bucket(open_store({"name": name}), ADA)
    made.register(mine(), VERSION)
    made.register(other(), VERSION + 1)
    yield made
    forget(name)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What onnxruntime was given."""
    given: list[bytes] = []
    opened = session.opened

    def watched(data: bytes) -> Any:
        given.append(data)
        return opened(data)

    monkeypatch.setattr(session, "opened", watched)
    return given


def source(bucket: Bucket, mutation: Mutation) -> Source:
    store: Any = Overlaid(bucket.store, mutation.objects)
    return Source(store, model="flights", target="test", endpoint="flights", root=mutation.root, clock=lambda: NOW)


def test_without_a_mutation_it_loads(bucket: Bucket, started: list[bytes]) -> None:
    """What the rest rests on: the untouched bucket passes, by both ways, and onnxruntime is started then."""
    source(bucket, Mutation("none")).load(release(mine(), VERSION))
    forbidding = TrustRoot(keys=ROOT.keys, rollback="forbid", least=VERSION)
    source(bucket, Mutation("none", root=forbidding)).load(release(mine(), VERSION))
    load(mine().files, mine().digest)
    assert len(started) == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_every_mutation_is_refused(bucket: Bucket, started: list[bytes], family: str) -> None:
    survived, said = [], []
    for mutation in FAMILIES[family]():
        try:
            source(bucket, mutation).load(mutation.release or release(mine(), VERSION))
        except (Untrusted, Corrupt, NotFound) as error:
            said.append(str(error))
        except ToolkitError as error:
            survived.append(f"{mutation.name}: {error!r}")
        else:
            survived.append(mutation.name)
    assert survived == []
    assert min(map(len, said)) > 20, "each says what is wrong"
    assert started == []


@pytest.mark.parametrize("role", ["model.onnx", "manifest.json", "profile"])
def test_a_baked_model_is_held_to_its_digest(started: list[bytes], role: str) -> None:
    """The same changes to the files of a bundle, whose digest is pinned in the function's configuration."""
    data = mine().files[role]
    for name, changed in [*flips(data, 40, seed=9), *cuts(data)]:
        with pytest.raises(Corrupt, match="it is not the file that was deployed"):
            load({**mine().files, role: changed}, mine().digest)
        assert started == [], name
    with pytest.raises(Corrupt):
        load({**mine().files, role: other().files[role]}, mine().digest)


def test_there_are_at_least_five_hundred() -> None:
    names = [(family, mutation.name) for family, made in FAMILIES.items() for mutation in made()]
    assert len(names) == len(set(names))
    assert len(names) >= 500, len(names)
