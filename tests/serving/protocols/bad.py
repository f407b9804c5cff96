"""A bad request of a protocol with what is answered, and the pieces that such requests are made of."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from tests.serving.endpoints import ROW
from tests.serving.protocols.questions import JSON

V2, TFS, SM, VERTEX, AZURE = (
    "/v2/models/flights/infer",
    "/v1/models/flights:predict",
    "/invocations",
    "/vertex",
    "/score",
)
TYPED = {"content-type": JSON}


class Bad(NamedTuple):
    path: str
    status: int
    says: str
    body: Any  # bytes, or a document
    headers: dict[str, str] = TYPED


def row(**changes: Any) -> dict[str, Any]:
    return {**ROW, **changes}


def without(name: str) -> dict[str, Any]:
    return {k: v for k, v in ROW.items() if k != name}


def raw(document: Any, value: str) -> bytes:
    return msgspec.json.encode(document).replace(b'"@@"', value.encode())
