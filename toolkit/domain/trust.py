"""Who may say what is served: trusted keys, signed statements, and the one check of one against the other.

A statement (in-toto v1) names every digest of its subject and what it is: which model and version of which run, or
which bundle for which target. It travels in a DSSE envelope, signed with Ed25519 over the payload *and* its type. Both
formats are the field's own, so cosign or in-toto can read them; the check here is ours, since it runs in a function.

Nothing is taken on trust from the envelope. It must be, byte for byte, the one way we write what it says, with one
signature; its key must be known, in force and not revoked; the signature must hold; and only then is the payload read
and compared with what the caller expects: kind, model, version, and exactly the digests. So a changed byte is refused
wherever it is, and a true statement about something else is refused too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from toolkit.domain import digest, ed25519, times
from toolkit.domain.codec import UNREADABLE
from toolkit.domain.errors import ConfigError, ToolkitError, Untrusted

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MODEL, BUNDLE = "urn:driftloop:model:v1", "urn:driftloop:bundle:v1"
MAX_ENVELOPE = 256 * 1024
CLOCK_SKEW = timedelta(minutes=5)  # by which a signer's clock may be ahead of ours
Rollback = Literal["allow", "forbid"]


class PublicKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One trusted key. `public` is base64 of its 32 bytes, `id` the first 16 digits of their SHA-256; times are RFC
    3339, "" for no bound. A revoked key stays listed, so that what it signed is refused by name."""

    id: str
    public: str
    owner: str = ""
    created: str = ""
    not_before: str = ""
    expires: str = ""
    revoked: str = ""  # since when
    why: str = ""


class TrustRoot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a verifier goes by. It comes from outside what is verified: the project, or a function's configuration.

    `least` is the lowest version that may be served where `rollback` is "forbid".
    """

    keys: tuple[PublicKey, ...] = ()
    rollback: Rollback = "allow"
    least: int = 0


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    digest: dict[str, str]  # {"sha256": ...}


class Predicate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is said of the subject. A bundle names its target and function, a model its run and dataset."""

    model: str
    version: int
    run: str = ""
    dataset: str = ""
    dataset_version: str = ""
    project: str = ""
    target: str = ""
    function: str = ""
    manifest: str = ""  # of the model that a bundle carries
    created: str
    expires: str = ""
    key: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    type: str = msgspec.field(name="_type", default=STATEMENT_TYPE)
    subject: tuple[Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: Predicate

    @property
    def digests(self) -> dict[str, str]:
        return {subject.name: subject.digest.get("sha256", "") for subject in self.subject}


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: tuple[Signature, ...]


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement has to be about. `digests`: name -> SHA-256, all of them and no others."""

    kind: str
    model: str
    version: int
    digests: dict[str, str]

    def __str__(self) -> str:
        thing = "model" if self.kind == MODEL else "the bundle of"
        return f"{thing} {self.model} version {self.version}"


def key_id(public: bytes) -> str:
    return digest.of_bytes(public)[:16]


def public_key(raw: bytes, **fields: str) -> PublicKey:
    return PublicKey(id=key_id(raw), public=base64.b64encode(raw).decode(), **fields)


def read_key(data: bytes, *, where: str) -> PublicKey:
    """A key of the trust root as `toolkit keys` writes it. ConfigError names the file and what is wrong."""
    try:
        key = msgspec.json.decode(data, type=PublicKey)
        raw = base64.b64decode(key.public, validate=True)
        for moment in (key.not_before, key.expires, key.revoked):
            _moment(moment)
    except (*UNREADABLE, binascii.Error, ConfigError) as error:
        raise ConfigError(f"{where} is no public key: {error}", hint="toolkit keys export prints one") from error
    if len(raw) != 32 or key.id != key_id(raw):
        raise ConfigError(f"{where}: the id {key.id!r} is not that of its key", hint="toolkit keys export prints one")
    return key


def written(key: PublicKey) -> bytes:
    """The text of a `.pub` file."""
    return msgspec.json.format(msgspec.json.encode(key), indent=2) + b"\n"


def standing(key: PublicKey, now: str) -> str:
    """Why this key cannot be used at `now`; "" if it can."""
    moment, begins, ends = times.parse(now), _moment(key.not_before), _moment(key.expires)
    if key.revoked:
        return f"was revoked at {key.revoked}" + (f" ({key.why})" if key.why else "")
    if begins and moment + CLOCK_SKEW < begins:
        return f"is not in force before {key.not_before}"
    return f"expired at {key.expires}" if ends and moment >= ends else ""


def statement(kind: str, digests: Mapping[str, str], predicate: Predicate) -> Statement:
    subject = tuple(Subject(name=name, digest={"sha256": digests[name]}) for name in sorted(digests))
    return Statement(subject=subject, predicate_type=kind, predicate=predicate)


def payload(made: Statement) -> bytes:
    return msgspec.json.encode(made, order="deterministic")


def signed_bytes(body: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """What is signed: DSSE's pre-authentication encoding, so that a payload cannot be taken for another type's."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def envelope(body: bytes, key: str, signature: bytes) -> bytes:
    made = Envelope(
        payload=base64.b64encode(body).decode(),
        payload_type=PAYLOAD_TYPE,
        signatures=(Signature(keyid=key, sig=base64.b64encode(signature).decode()),),
    )
    return msgspec.json.encode(made)


def verify(data: bytes, root: TrustRoot, expected: Expected, *, now: str) -> Statement:
    """The statement of the envelope `data`, if a key of `root` signed it and it says what is expected.

    Untrusted says what is wrong: the envelope, its key, the signature, the time, or what the statement is about.
    """
    opened = _opened(data)
    key, body = _key(root, opened.signatures[0].keyid, now), _bytes(opened.payload)
    signature = _bytes(opened.signatures[0].sig)
    if not ed25519.verify(_bytes(key.public), signed_bytes(body, opened.payload_type), signature):
        raise _refused(f"the signature by key {key.id} does not hold: what was signed is not what is there")
    try:
        found = msgspec.json.decode(body, type=Statement)
    except UNREADABLE as error:
        raise _refused(f"the signed statement cannot be read: {error}") from error
    _in_time(found.predicate, key, now)
    _about(found, expected)
    return found


def allowed(root: TrustRoot, model: str, version: int, *, least: int = 0) -> None:
    """Untrusted where the policy forbids to go back to `version`. `least`: the highest served so far."""
    lowest = max(root.least, least)
    if root.rollback == "forbid" and version < lowest:
        raise _refused(
            f"version {version} of {model} is older than version {lowest}, and the policy forbids to go back",
            hint='[trust] rollback = "allow"',
        )


def _opened(data: bytes) -> Envelope:
    if len(data) > MAX_ENVELOPE:
        raise _refused(f"the envelope has {len(data):,} bytes")
    try:
        found = msgspec.json.decode(data, type=Envelope)
    except UNREADABLE as error:
        raise _refused(f"the envelope cannot be read: {error}") from error
    if found.payload_type != PAYLOAD_TYPE:
        raise _refused(f"the envelope holds a {found.payload_type!r}, not an in-toto statement")
    if len(found.signatures) != 1:
        raise _refused(f"the envelope has {len(found.signatures)} signatures; ours have one each")
    if msgspec.json.encode(found) != data:
        raise _refused("the envelope is not written as it was signed")
    return found


def _key(root: TrustRoot, name: str, now: str) -> PublicKey:
    for key in root.keys:
        if key.id == name:
            raw = _bytes(key.public)
            why = standing(key, now) if key_id(raw) == name else "is not the key of that id"
            if why:
                raise _refused(f"key {name}{_owner(key)} {why}", hint="toolkit keys list")
            return key
    known = ", ".join(key.id for key in root.keys) or "none"
    raise _refused(f"it is signed by the unknown key {name[:16]!r}; trusted are {known}", hint="toolkit keys list")


def _in_time(said: Predicate, key: PublicKey, now: str) -> None:
    try:
        made, ends, begins = times.parse(said.created), _moment(said.expires), _moment(key.not_before)
    except ConfigError as error:
        raise _refused(f"the statement's time cannot be read: {error}") from error
    moment = times.parse(now)
    if made > moment + CLOCK_SKEW:
        raise _refused(f"the statement is of {said.created}, which has not come yet")
    if begins and made + CLOCK_SKEW < begins:
        raise _refused(f"the statement is of {said.created}, before its key was in force")
    if ends and moment >= ends:
        raise _refused(f"the signature expired at {said.expires}", hint="toolkit keys sign VERSION")
    if said.key != key.id:
        raise _refused(f"the statement names key {said.key!r} and was signed with {key.id}")


def _about(found: Statement, expected: Expected) -> None:
    said = found.predicate
    if (found.type, found.predicate_type) != (STATEMENT_TYPE, expected.kind):
        raise _refused(f"the statement is a {found.predicate_type!r}, not a {expected.kind!r}")
    if (said.model, said.version) != (expected.model, expected.version):
        raise _refused(f"the signature is of {said.model} version {said.version}, not of {expected}")
    if len(found.digests) != len(found.subject) or found.digests != expected.digests:
        names = sorted(found.digests.keys() | expected.digests.keys())
        differ = [name for name in names if found.digests.get(name) != expected.digests.get(name)]
        raise _refused(f"{', '.join(differ) or 'a file named twice'} of {expected}: not what was signed")


def _bytes(text: str) -> bytes:
    """Base64 in its one spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused(f"the envelope is not base64: {error}") from error
    if base64.b64encode(data).decode() != text:
        raise _refused("the envelope's base64 is not written as it was signed")
    return data


def _moment(text: str) -> datetime | None:
    return times.parse(text) if text else None


def _owner(key: PublicKey) -> str:
    return f" of {key.owner}" if key.owner else ""


def _refused(why: str, *, hint: str = "") -> ToolkitError:
    return Untrusted(f"not trusted: {why}", hint=hint or "toolkit keys sign VERSION, if it is what you want to serve")
