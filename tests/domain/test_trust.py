"""What a signed statement has to be before anything is done on its word."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from tests.serving.signed import AFTER, BEFORE, NOW, Key, predicate
from toolkit.domain import trust
from toolkit.domain.errors import ConfigError, Untrusted
from toolkit.domain.trust import BUNDLE, MODEL, Expected, PublicKey, TrustRoot

ADA, EVE = Key(1, owner="ada"), Key(2, owner="eve")
ROOT = TrustRoot(keys=(ADA.public,))
DIGESTS = {"manifest.json": "a" * 64, "model.onnx": "b" * 64}
WANTED = Expected(kind=MODEL, model="flights", version=3, digests=DIGESTS)


def body(*, kind: str = MODEL, digests: dict[str, str] = DIGESTS, **said: Any) -> bytes:
    made = msgspec.structs.replace(predicate(ADA, 3), **said)
    return trust.payload(trust.statement(kind, digests, made))


def with_key(**fields: Any) -> TrustRoot:
    return TrustRoot(keys=(msgspec.structs.replace(ADA.public, **fields),))


def refused(envelope: bytes, says: str, root: TrustRoot = ROOT, now: str = NOW, wanted: Expected = WANTED) -> None:
    with pytest.raises(Untrusted, match=says) as caught:
        trust.verify(envelope, root, wanted, now=now)
    assert str(caught.value).startswith("not trusted: ")
    assert caught.value.hint


def test_a_true_statement_holds() -> None:
    found = trust.verify(ADA.envelope(body()), ROOT, WANTED, now=NOW)
    assert (found.predicate.model, found.predicate.version, found.digests) == ("flights", 3, DIGESTS)


def test_it_reads_as_in_toto_and_dsse_say() -> None:
    """So that other tools can check it too: the payload's shape and the bytes that are signed, spelled out."""
    document = json.loads(ADA.envelope(body()))
    assert set(document) == {"payload", "payloadType", "signatures"}
    statement = json.loads(base64.b64decode(document["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0] == {"name": "manifest.json", "digest": {"sha256": "a" * 64}}
    assert statement["predicateType"] == "urn:driftloop:model:v1"
    signed = base64.b64decode(document["signatures"][0]["sig"])
    ADA.private.public_key().verify(
        signed, b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(body()), base64.b64decode(document["payload"]))
    )


def test_the_worked_example_of_the_specification() -> None:
    assert trust.signed_bytes(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.mark.parametrize(
    ("root", "says"),
    [
        (TrustRoot(), "unknown key .*; trusted are none"),
        (TrustRoot(keys=(EVE.public,)), f"unknown key .*; trusted are {EVE.id}"),
        (with_key(revoked=BEFORE, why="laptop lost"), "of ada was revoked at 2026-11-01.* \\(laptop lost\\)"),
        (with_key(expires=NOW), "of ada expired at"),
        (with_key(not_before=AFTER), "is not in force before"),
        (with_key(public=EVE.public.public), "is not the key of that id"),
    ],
)
def test_a_key_that_is_not_in_force_says_so(root: TrustRoot, says: str) -> None:
    refused(ADA.envelope(body()), says, root)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (body(version=2), "is of flights version 2, not of model flights version 3"),
        (body(model="trains"), "is of trains version 3"),
        (body(kind=BUNDLE), "is a 'urn:driftloop:bundle:v1'"),
        (body(digests={**DIGESTS, "model.onnx": "c" * 64}), "model.onnx of model flights version 3: not what was"),
        (body(digests={"manifest.json": "a" * 64}), "model.onnx of"),
        (body(digests={**DIGESTS, "extra": "d" * 64}), "extra of"),
        (body(expires=BEFORE), "the signature expired at"),
        (body(created=AFTER), "which has not come yet"),
        (body(created="soon"), "time cannot be read"),
        (body(key=EVE.id), f"names key '{EVE.id}' and was signed with {ADA.id}"),
        (b"{}", "cannot be read"),
        (b"not json", "cannot be read"),
        (body().replace(b"in-toto.io/Statement/v1", b"in-toto.io/Statement/v2"), "is a"),
    ],
)
def test_a_true_signature_over_something_else_is_refused(made: bytes, says: str) -> None:
    refused(ADA.envelope(made), says)


def test_a_file_named_twice_is_refused() -> None:
    statement = trust.statement(MODEL, DIGESTS, predicate(ADA, 3))
    twice = msgspec.structs.replace(statement, subject=(*statement.subject, statement.subject[0]))
    refused(ADA.envelope(trust.payload(twice)), "named twice")


def test_a_statement_from_before_its_key_is_refused() -> None:
    refused(ADA.envelope(body()), "before its key was in force", with_key(not_before="2026-11-20T00:00:00Z"))


def edited(**fields: Any) -> bytes:
    return json.dumps({**json.loads(ADA.envelope(body())), **fields}, separators=(",", ":")).encode()


SIGNATURE = json.loads(ADA.envelope(body()))["signatures"][0]


@pytest.mark.parametrize(
    ("envelope", "says"),
    [
        (edited(payloadType="application/json"), "holds a 'application/json'"),
        (edited(signatures=[]), "has 0 signatures"),
        (edited(signatures=[SIGNATURE, SIGNATURE]), "has 2 signatures"),
        (edited(signatures=[{**SIGNATURE, "keyid": EVE.id}]), "unknown key"),
        (edited(signatures=[{**SIGNATURE, "cert": "x"}]), "cannot be read"),
        (edited(more=1), "cannot be read"),
        (edited() + b" ", "not written as it was signed"),
        (edited().replace(b"payload", b"p\\u0061yload", 1), "not written as it was signed"),
        (edited(payload="####"), "not base64"),
        (b"x" * (trust.MAX_ENVELOPE + 1), "has 262,145 bytes"),
        (b"", "cannot be read"),
    ],
)
def test_an_envelope_has_one_spelling(envelope: bytes, says: str) -> None:
    refused(envelope, says)


def test_a_type_that_was_not_signed_cannot_be_put_on() -> None:
    """Signed as another type and relabelled: the type is part of what is signed."""
    refused(ADA.envelope(body(), payload_type="text/plain"), "signature by key .* does not hold")


def test_one_keys_signature_does_not_pass_under_anothers_name() -> None:
    root = TrustRoot(keys=(ADA.public, EVE.public))
    signature = base64.b64encode(EVE.private.sign(trust.signed_bytes(body()))).decode()
    refused(edited(signatures=[{"keyid": ADA.id, "sig": signature}]), "does not hold", root)


def test_going_back_is_a_policy() -> None:
    trust.allowed(TrustRoot(least=5), "flights", 1)
    forbidding = TrustRoot(rollback="forbid", least=5)
    trust.allowed(forbidding, "flights", 5)
    with pytest.raises(Untrusted, match="version 4 of flights is older than version 5"):
        trust.allowed(forbidding, "flights", 4)
    with pytest.raises(Untrusted, match="older than version 9"):
        trust.allowed(forbidding, "flights", 8, least=9)


def test_a_key_file_comes_back_and_a_wrong_one_is_named() -> None:
    assert trust.read_key(trust.written(ADA.public), where="a.pub") == ADA.public
    for data, says in [
        (b"ssh-ed25519 AAAA", "a.pub is no public key"),
        (trust.written(msgspec.structs.replace(ADA.public, id=EVE.id)), "the id .* is not that of its key"),
        (trust.written(PublicKey(id=ADA.id, public="AAAA")), "is not that of its key"),
        (trust.written(msgspec.structs.replace(ADA.public, expires="never")), "not a time"),
    ]:
        with pytest.raises(ConfigError, match=says):
            trust.read_key(data, where="a.pub")
