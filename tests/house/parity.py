"""The parity table: what each provider was shown to do, from the results of the suites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from toolkit.domain.capabilities import PROMISES

# What stands in for a provider: the first carries every claim, another those of the ports that it has.
SERVERS: dict[str, dict[str, tuple[str, ...]]] = {
    "aws": {
        "moto": (),
        "ministack": ("store", "secrets", "alerts", "metrics", "functions", "schedules"),
        "SeaweedFS": ("store",),
    },
    "gcp": {"fake-gcs-server, emulator": ()},
    "azure": {"Azurite, emulator": (), "Azure Functions": ("functions",)},
    "libcloud": {"a folder": (), "S3 on moto": ("store",), "Azurite": ("store",)},
}
PORTS = {claim.partition(".")[0] for claim in PROMISES}  # those that promise something; `watches` belongs to `store`


class Shown(NamedTuple):
    """One case that ran: whose ("aws (moto)" where there are several servers), what it proves, whether the provider
    claims that, whether the case passed."""

    provider: str
    claim: str
    claimed: bool
    passed: bool


def column(provider: str, server: str) -> str:
    """What a provider is called on a server; a suite that names none runs on the first."""
    servers = SERVERS.get(provider)
    return f"{provider} ({server or next(iter(servers))})" if servers else provider


def complete(results: Iterable[Shown], ports: dict[str, Iterable[str]]) -> bool:
    """Whether every port of every provider was looked at, on every server: not so when only some tests were run."""
    seen = {(case.provider, case.claim.partition(".")[0]) for case in results}
    wanted = {
        (column(name, server), port)
        for name, offered in ports.items()
        for server, able in SERVERS.get(name, {"": ()}).items()
        for port in PORTS & set(able or offered)
    }
    return wanted <= seen


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
