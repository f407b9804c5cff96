"""How the scores of two models are put side by side: in bins cut where the champion's own lie.

Light, since the tick asks it too: what loads models and data is `expected`.
"""

from __future__ import annotations

from toolkit.lifecycle import find
from toolkit.ports.context import Context
from toolkit.quality.baseline import from_bytes
from toolkit.quality.bins import Numbers
from toolkit.state.blobs import Blobs

BINS = 10


def cuts_and_class(ctx: Context, champion: int) -> tuple[tuple[float, ...], str]:
    """Where scores are cut (tenths of the champion's reference for numbers, of 0 to 1 for probabilities), and the class
    they are the probability of, "" where there is none."""
    manifest = find.manifest(ctx, find.version(ctx, champion))
    signature = manifest.signature
    if signature.task != "regression":
        return tuple(i / BINS for i in range(1, BINS)), signature.classes[1] if signature.task == "binary" else ""
    role = manifest.files.get("profile")
    prediction = from_bytes(Blobs(ctx.store).get(role)).prediction if role else None
    edges = prediction.edges if isinstance(prediction, Numbers) else ()
    return tuple(sorted({edges[len(edges) * i // BINS] for i in range(1, BINS)})) if edges else (), ""
