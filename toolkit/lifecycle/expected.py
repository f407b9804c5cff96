"""What a new model should answer differently: it was trained because the old one no longer fits.

The judge sends a challenger back whose answers are not the champion's. One that passed its gates may differ as it did
on the very rows on which the gates compared both: that is measured before it goes out, and kept with the rollout. One
that was pushed past its gates has no such excuse.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.domain.errors import ToolkitError
from toolkit.lifecycle import evaluate, find, promote
from toolkit.lifecycle.scores import cuts_and_class
from toolkit.ports.context import Context
from toolkit.serving.model import Model

ROWS = 20_000  # of the newest test rows: each model answers them once


def run(ctx: Context, champion: int, challenger: int, *, passed: bool = False) -> list[float]:
    """The odds ratio between both in each bin of scores, on the challenger's test rows; [] where it passed no gates
    (`passed`: they were judged already) or cannot be compared."""
    try:
        if not passed:
            promote.judge(ctx, challenger)
        cuts, _ = cuts_and_class(ctx, champion)
        new, old = (evaluate.loaded(ctx, find.version(ctx, number)) for number in (challenger, champion))
        return _odds(*_counts(ctx, new, old, cuts))
    except ToolkitError as error:
        ctx.report.say(f"no other answers are expected of version {challenger}: {error.message}")
        return []


def _counts(ctx: Context, new: Model, old: Model, cuts: tuple[float, ...]) -> tuple[list[int], list[int]]:
    """Scores of (old, new) by bin, on the same rows. DataError where the old one needs what the rows do not have."""
    from toolkit.domain.errors import DataError
    from toolkit.models import served
    from toolkit.models.data import wire_frame

    rows = evaluate.test_rows(ctx, new.manifest)[0].tail(ROWS)
    missing = [f.name for f in old.signature.features if f.name not in rows.columns]
    if missing or new.signature.classes != old.signature.classes:
        raise DataError(f"the champion {'needs ' + ', '.join(missing[:5]) if missing else 'knows other classes'}")
    found = []
    for model in (old, new):
        counts = [0] * (len(cuts) + 1)
        for score in served.scores(model, wire_frame(rows, model.signature.features)):
            counts[sum(score > cut for cut in cuts)] += 1
        found.append(counts)
    return found[0], found[1]


def _odds(old: Sequence[int], new: Sequence[int]) -> list[float]:
    """Half a row is added to each cell: a bin that one of them never uses says little."""
    ours, theirs = sum(new), sum(old)
    return [
        round((b + 0.5) / (ours - b + 0.5) * (theirs - a + 0.5) / (a + 0.5), 6) for a, b in zip(old, new, strict=True)
    ]
