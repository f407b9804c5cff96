"""Envelopes beside what they are of: found without a listing, never overwritten, worth only what they prove."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from tests.serving.signed import AFTER, BEFORE, NOW, Key, predicate
from toolkit.adapters.memory.store import forget, open_store
from toolkit.domain import trust
from toolkit.domain.errors import ConfigError, Untrusted
from toolkit.domain.trust import MODEL, Expected, TrustRoot
from toolkit.ports.store import Store
from toolkit.state.signatures import Signatures

DIGEST = "a" * 64
ADA, EVE = Key(1), Key(2)
WANTED = Expected(kind=MODEL, model="flights", version=1, digests={"manifest.json": DIGEST})


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    yield open_store({"name": request.node.nodeid})
    forget(request.node.nodeid)


def envelope(key: Key, **more: str) -> bytes:
    return key.envelope(trust.payload(trust.statement(MODEL, WANTED.digests, predicate(key, 1, **more))))


def test_a_renewed_signature_takes_the_place_of_one_that_ran_out(store: Store) -> None:
    kept = Signatures(store, DIGEST)
    first = kept.put(ADA.id, envelope(ADA, expires=BEFORE))
    second = kept.put(ADA.id, envelope(ADA, expires=AFTER))
    assert (first, second) == (f"signatures/{DIGEST}/{ADA.id}-0001.json", f"signatures/{DIGEST}/{ADA.id}-0002.json")
    assert kept.put(ADA.id, envelope(ADA, expires=BEFORE)) == first, "the same envelope is kept once"
    found = kept.verified(TrustRoot(keys=(ADA.public,)), WANTED, now=NOW)
    assert found.predicate.expires == AFTER


def test_without_one_it_says_whose_it_needs(store: Store) -> None:
    Signatures(store, DIGEST).put(EVE.id, envelope(EVE))
    with pytest.raises(Untrusted, match=f"version 1 has no signature of a trusted key \\({ADA.id}\\)") as caught:
        Signatures(store, DIGEST).verified(TrustRoot(keys=(ADA.public,)), WANTED, now=NOW)
    assert "toolkit keys sign 1" in caught.value.hint


def test_any_trusted_key_will_do_and_a_revoked_one_is_named(store: Store) -> None:
    kept, revoked = Signatures(store, DIGEST), msgspec.structs.replace(EVE.public, revoked=BEFORE)
    kept.put(EVE.id, envelope(EVE))
    with pytest.raises(Untrusted, match="was revoked"):
        kept.verified(TrustRoot(keys=(revoked, ADA.public)), WANTED, now=NOW)
    kept.put(ADA.id, envelope(ADA))
    assert kept.verified(TrustRoot(keys=(revoked, ADA.public)), WANTED, now=NOW).predicate.key == ADA.id


def test_an_envelope_at_anothers_place_changes_nothing(store: Store) -> None:
    """Whoever can write to the bucket can put one there first."""
    kept = Signatures(store, DIGEST)
    kept.put(ADA.id, b"nonsense")
    kept.put(ADA.id, envelope(ADA))
    assert kept.verified(TrustRoot(keys=(ADA.public,)), WANTED, now=NOW).predicate.key == ADA.id


@pytest.mark.parametrize(("subject", "key"), [("../etc", "k"), (DIGEST, "../k"), ("A" * 64, "k")])
def test_a_key_in_the_bucket_is_made_of_nothing_else(store: Store, subject: str, key: str) -> None:
    with pytest.raises(ConfigError):
        Signatures(store, subject).put(key, b"")
