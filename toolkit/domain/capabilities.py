"""What a provider may claim, as data.

A claim is tested both ways: claimed, it works; not claimed, it raises Unsupported.

Claims are strings `port.ability`; the table below is the only list of them, with what each promises.
"""

from __future__ import annotations

from collections.abc import Iterable

PROMISES: dict[str, str] = {
    "store.read": "get, head, list and ranged reads see every completed write at once (strong consistency)",
    "store.write": "put overwrites whole objects atomically; no reader ever sees half of one",
    "store.create": "put with Create is atomic: of many writers exactly one wins (what state needs)",
    "store.swap": "put with Match replaces only what was last seen (what leases need)",
    "store.files": "upload and download move files of any size without holding them in memory",
    "store.uri": "the store has a URI that other tools can read from",
    "jobs.run": "a submitted job runs, ends in the right state, and its output can be read",
    "jobs.cancel": "a running job can be stopped",
    "jobs.timeout": "a job past its time is stopped and says so",
    "jobs.memory": "a job past its memory is stopped and says so",
    "jobs.retry": "a failed job is run again up to `retries` times",
    "jobs.array": "an array job runs once for every index, and is one job to submit, watch and cancel",
    "functions.http": "a deployed function answers HTTP at a URL",
    "functions.event": "a function can be called with an event",
    "functions.versions": "each deploy publishes an immutable version; routing between them is one call",
    "functions.beside": "a version that does not serve can be called by its name, beside the one that does",
    "functions.weights": "traffic splits between versions by weight",
    "functions.timeout": "a call past its time ends in an error, and the next call is served",
    "functions.memory": "a call past its memory ends in an error, and the next call is served",
    "functions.logs": "what a function prints can be read back",
    "schedules.fire": "a schedule calls its function at its times while the provider runs",
    "secrets.store": "secrets can be set, read, listed by name and deleted",
    "alerts.publish": "alerts reach the configured channels; a failing channel fails nothing else",
    "metrics.record": "points can be written and read back by name, labels and time",
}


def check(claims: Iterable[str]) -> frozenset[str]:
    """The claims as a set; ValueError names the first unknown one (a provider's typo, found by a house test)."""
    found = frozenset(claims)
    for claim in sorted(found - PROMISES.keys()):
        raise ValueError(f"unknown capability {claim!r}")
    return found
