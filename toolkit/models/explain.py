"""What an endpoint needs to explain exactly: the compiled program again, under a role of its own.

A bundle may leave out the compiled form (served by onnxruntime) or carry it as the model (where its bytes are gone once
it is read); an explanation needs it in both, so it is a file of its own. In the bucket the two are one blob. Only where
the program has one linear or tree step over columns of one feature each: any other model is explained by sampling, for
which it needs nothing but its sample rows.
"""

from __future__ import annotations

from toolkit.domain.records import Signature
from toolkit.serving import attribution

EXPLAIN = attribution.ROLE


def explanation(program: bytes, signature: Signature) -> dict[str, bytes]:
    """{role: bytes} of the manifest's files, empty where the endpoint has to sample."""
    try:
        attribution.core(attribution.compiled_program(program), attribution.order(signature))
    except attribution.NotExact:
        return {}
    return {EXPLAIN: program}
