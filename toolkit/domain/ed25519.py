"""Ed25519 signatures checked with the standard library alone (RFC 8032, section 5.1.7).

A function that loads its model from the bucket checks one signature while it starts. Measured there (import and first
check, CPU): `cryptography` 14-25 ms, 8 MB of memory and 15 MB of bundle; this file 5 ms, 0.5 MB, 5 kB. Only public data
passes through, so nothing can leak by timing; signing needs a secret and is left to `cryptography`.

Stricter than the RFC where it leaves a choice, so that one message has one signature: the numbers must be in their one
canonical spelling (S below the group's order, both points below the prime), and neither point may be of small order,
for which a signature would fit many messages. Nothing here raises: what cannot be a signature is none.
"""

from __future__ import annotations

import hashlib

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)  # of -1

# A point is (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z.
Point = tuple[int, int, int, int]
_ZERO: Point = (0, 1, 1, 0)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) over `message` was made by the holder of `public` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or s >= _L or _small(key) or _small(commitment):
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    h = int.from_bytes(digest, "little") % _L
    found = _sum_of_two(s, _BASE, h, _negative(key))  # s*B - h*A, which has to be R
    return _equal(found, commitment)


def _point(data: bytes) -> Point | None:
    """The point of its canonical 32 bytes (y, and the sign of x in the highest bit), None where it is no point."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    x = _x(y, sign)
    return None if x is None else (x, y, 1, x * y % _P)


def _x(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return _P - x if x & 1 != sign else x


def _add(a: Point, b: Point) -> Point:
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    u, v = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = t - s, v - u, v + u, t + s
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _double(a: Point) -> Point:
    x, y, z = a[0] * a[0] % _P, a[1] * a[1] % _P, 2 * a[2] * a[2] % _P
    h = x + y
    e = h - (a[0] + a[1]) ** 2 % _P
    g = x - y
    f = z + g
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _sum_of_two(a: int, p: Point, b: int, q: Point) -> Point:
    """a*P + b*Q, both numbers walked together from the top bit down."""
    both = _add(p, q)
    total = _ZERO
    for bit in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        total = _double(total)
        match a >> bit & 1, b >> bit & 1:
            case 1, 1:
                total = _add(total, both)
            case 1, 0:
                total = _add(total, p)
            case 0, 1:
                total = _add(total, q)
    return total


def _small(a: Point) -> bool:
    return _equal(_double(_double(_double(a))), _ZERO)


def _equal(a: Point, b: Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % _P == 0 and (a[1] * b[2] - b[1] * a[2]) % _P == 0


def _negative(a: Point) -> Point:
    return (_P - a[0], a[1], a[2], _P - a[3])


def _base() -> Point:
    y = 4 * pow(5, -1, _P) % _P
    x = _x(y, 0)
    assert x is not None
    return (x, y, 1, x * y % _P)


_BASE = _base()
