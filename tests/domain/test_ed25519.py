"""The check of a signature: against the RFC's own vectors, against `cryptography`, and where the two may differ."""

from __future__ import annotations

import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from toolkit.domain import ed25519
from toolkit.domain.ed25519 import verify

# RFC 8032, section 7.1: public key, message, signature.
VECTORS = {
    "1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
}
# Every point of order 1, 2, 4 and 8 in its canonical spelling, and the spellings past the prime.
SMALL = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
NOT_CANONICAL = [
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p + 1, which is 1
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p, which is 0
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0100000000000000000000000000000000000000000000000000000000000080",  # x = 0 with a sign
]
ORDER = 2**252 + 27742317777372353535851937790883648493


def theirs(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed(seed: int, message: bytes) -> tuple[bytes, bytes]:
    key = Ed25519PrivateKey.from_private_bytes(random.Random(seed).randbytes(32))
    return key.public_key().public_bytes_raw(), key.sign(message)


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_rfc(name: str) -> None:
    public, message, signature = (bytes.fromhex(text) for text in VECTORS[name])
    assert verify(public, message, signature)
    assert not verify(public, message + b"x", signature)


def test_it_agrees_with_cryptography_on_honest_and_changed_signatures() -> None:
    rng = random.Random(8032)
    for seed in range(60):
        message = rng.randbytes(rng.randrange(200))
        public, signature = signed(seed, message)
        assert verify(public, message, signature)
        parts = [bytearray(public), bytearray(message or b"x"), bytearray(signature)]
        part = rng.choice(parts)
        part[rng.randrange(len(part))] ^= 1 << rng.randrange(8)
        changed = [bytes(p) for p in parts]
        assert not verify(changed[0], changed[1], changed[2])
        assert not theirs(changed[0], changed[1], changed[2])


@pytest.mark.parametrize("bit", range(0, 512, 7))
def test_no_bit_of_a_signature_is_free(bit: int) -> None:
    public, signature = signed(1, b"message")
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(public, b"message", bytes(changed))


def test_a_second_spelling_of_a_signature_is_refused() -> None:
    """S + L satisfies the equation as S does: a check without the bound would take both."""
    public, signature = signed(2, b"message")
    s = int.from_bytes(signature[32:], "little")
    for times in range(1, 8):
        again = s + times * ORDER
        if again < 2**256:
            assert not verify(public, b"message", signature[:32] + again.to_bytes(32, "little"))


@pytest.mark.parametrize("small", [*SMALL, *NOT_CANONICAL])
def test_a_key_or_commitment_of_small_order_or_two_spellings_is_refused(small: str) -> None:
    """With such a key R = S*B is a signature of any message, or of every eighth one."""
    point = bytes.fromhex(small)
    _, signature = signed(3, b"message")
    public, _ = signed(3, b"message")
    base = ed25519._BASE
    commitment = encoded(ed25519._sum_of_two(5, base, 0, base))
    for message in (b"message", b"another", b"third"):
        assert not verify(point, message, commitment + (5).to_bytes(32, "little"))
        assert not verify(point, message, point + bytes(32))
        assert not verify(public, message, point + signature[32:])


def encoded(point: ed25519.Point) -> bytes:
    p = 2**255 - 19
    inverse = pow(point[2], -1, p)
    x, y = point[0] * inverse % p, point[1] * inverse % p
    return (y | (x & 1) << 255).to_bytes(32, "little")


@pytest.mark.parametrize(("key", "signature"), [(31, 64), (33, 64), (32, 63), (32, 65), (0, 0)])
def test_another_length_is_no_signature(key: int, signature: int) -> None:
    assert not verify(bytes(key), b"", bytes(signature))


def test_what_is_no_point_is_no_key() -> None:
    _, signature = signed(4, b"m")
    assert not verify((2).to_bytes(32, "little"), b"m", signature)  # y = 2 has no x


def test_a_point_has_one_spelling() -> None:
    """y and p + y are the same number; some of these are points of large order, which no other check would refuse."""
    p = 2**255 - 19
    usable = 0
    for y in range(19):
        usable += ed25519._point(y.to_bytes(32, "little")) is not None
        for sign in (0, 1 << 255):
            assert ed25519._point((p + y | sign).to_bytes(32, "little")) is None
    assert usable > 2
