"""The parity table: what each provider was shown to do, from the results of the suites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from toolkit.domain.capabilities import PROMISES


class Shown(NamedTuple):
    """One case that ran: whose, what it proves, whether the provider claims that, whether the case passed."""

    provider: str
    claim: str
    claimed: bool
    passed: bool


def table(results: Iterable[Shown]) -> str:
    """Markdown: a row a promise, a column a provider; the number of cases that showed it, or that it is refused."""
    cells: dict[tuple[str, str], list[Shown]] = {}
    for shown in results:
        cells.setdefault((shown.claim, shown.provider), []).append(shown)
    providers = sorted({provider for _, provider in cells})
    lines = ["| claim | what it promises | " + " | ".join(providers) + " |", "|---|---|" + "---|" * len(providers)]
    for claim, promise in PROMISES.items():
        row = [_cell(cells.get((claim, provider), [])) for provider in providers]
        lines.append(f"| `{claim}` | {promise} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def _cell(shown: list[Shown]) -> str:
    if not shown:
        return "no case"
    if not all(case.passed for case in shown):
        return "FAILS"
    return f"yes ({len(shown)})" if shown[0].claimed else "refused"
