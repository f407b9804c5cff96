"""The budget of a deployment (`[serve.budget]`): what its bundle may cost, measured before anything is shipped.

Nothing written, nothing measured: a deployment stays quick. CPU of a start is compared with that of the same runtime
alone in the same run, so a slow or busy machine refuses nothing by itself. p99 is advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from toolkit.domain.config import BudgetConfig
from toolkit.domain.errors import GateFailed, PlanError
from toolkit.packaging import measure
from toolkit.packaging.measure import Measured
from toolkit.ports.context import Context


def written(ctx: Context) -> bool:
    return any(value is not None for value in ctx.project.serve.budget.model_dump().values())


def check(ctx: Context, bundle: Path, environment: Mapping[str, str], python: str) -> list[str]:
    """What to tell beside a deployment that is within the budget. GateFailed (exit 3) says what is over and what costs
    time and size, per package."""
    allowed = ctx.project.serve.budget
    if not written(ctx):
        return []
    found = _measured(ctx, bundle, environment, python)
    over = list(_over(allowed, found))
    if over:
        raise GateFailed("\n".join([f"over the budget: {'; '.join(over)}", *found.tree()]), hint=_hint(ctx, found))
    if allowed.p99_ms is not None and found.p99 * 1000 > allowed.p99_ms:
        return [
            f"p99 of warm calls is {found.p99 * 1000:.1f} ms on this machine, over {allowed.p99_ms:g} (advice only)"
        ]
    return []


def shown(ctx: Context, bundle: Path, environment: Mapping[str, str], python: str) -> list[str]:
    """The measurement as lines for `plan --measure`; what would be refused is among them."""
    try:
        found = _measured(ctx, bundle, environment, python)
    except PlanError as error:
        return [f"not measured: {error.message}"]
    return [*found.tree(), *(f"over the budget: {what}" for what in _over(ctx.project.serve.budget, found))]


def _measured(ctx: Context, bundle: Path, environment: Mapping[str, str], python: str) -> Measured:
    with ctx.report.track("measure the bundle"):
        return measure.measure(bundle, environment, python=python)


def _over(allowed: BudgetConfig, found: Measured) -> Iterator[str]:
    if allowed.cold_start_ratio is not None and found.ratio > allowed.cold_start_ratio:
        yield f"cold_start_ratio is {found.ratio:.2f}, allowed {allowed.cold_start_ratio:g}"
    if allowed.size_mb is not None and found.size > allowed.size_mb * 1e6:
        yield f"size_mb is {found.size / 1e6:.2f}, allowed {allowed.size_mb:g}"
    if allowed.imports is not None and found.modules > allowed.imports:
        yield f"imports is {found.modules}, allowed {allowed.imports}"


def _hint(ctx: Context, found: Measured) -> str:
    if "onnxruntime" in found.imports and ctx.project.serve.runtime != "onnxruntime":
        return 'runtime = "compiled" under [serve], fewer requirements, or a larger [serve.budget]'
    return "fewer requirements under [serve], a smaller model, or a larger [serve.budget]"
