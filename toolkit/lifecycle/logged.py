"""Compare rows that lie in files with what the champion was trained on: logs of another system, a batch that is to be
scored, traffic of the time before the endpoint counted it.

The same bins and the same verdict as for live traffic, with memory that does not grow with the files. It is an answer
for who asks: nothing is stored, nobody is told, no retrain comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.domain.errors import NotFound
from toolkit.domain.records import DriftReport
from toolkit.lifecycle import find, naming
from toolkit.ports.context import Context
from toolkit.quality import drift
from toolkit.quality.baseline import from_bytes
from toolkit.quality.batch import profile_frame
from toolkit.state.blobs import Blobs


def run(ctx: Context, files: str, *, scores: Sequence[str] = ()) -> DriftReport:
    """`files`: a path or glob of Parquet or CSV files, relative to the project. `scores`: the column of predictions
    (many classes: one each), else they are left out. `window` of the report is `files`.

    NotFound (no champion, or one without a baseline), DataError (a file cannot be read, a feature is missing).
    """
    version = find.version(ctx, "champion")
    manifest, blobs, watch = find.manifest(ctx, version), Blobs(ctx.store), ctx.project.monitor
    if "profile" not in manifest.files:
        raise NotFound(f"version {version.version} has no baseline to compare with", hint="toolkit train")
    baseline = from_bytes(blobs.get(manifest.files["profile"]))
    profile = profile_frame(str(ctx.directory / files), baseline, scores=list(scores))
    found = drift.check(baseline, profile, min_rows=watch.min_rows, effect=watch.effect)
    names = {feature.name for feature in manifest.signature.features}
    return DriftReport(
        endpoint=naming.endpoint(ctx),
        model=ctx.project.model_name,
        model_version=version.version,
        model_digest=version.digest,
        window=files,
        rows=profile.rows,
        verdict=found.verdict,
        columns=tuple(column for column in found.columns if scores or column.name in names),
        quality=found.quality,
        performance=found.performance,
        created=ctx.clock(),
    )
