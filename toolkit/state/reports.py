"""Drift reports, one per (window, model)."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.domain import codec
from toolkit.domain.records import DriftReport
from toolkit.ports.store import Store
from toolkit.state import commit, keys
from toolkit.state.patience import patiently


class Reports:
    def __init__(self, store: Store, target: str, endpoint: str) -> None:
        self._store, self._target, self._endpoint = store, target, endpoint

    def create(self, report: DriftReport) -> tuple[DriftReport, bool]:
        """The report of that window and model, and whether it is this one: the first one made stays."""
        key = keys.report(self._target, self._endpoint, report.window, report.model_digest)
        data = codec.encode(report)
        found = commit.create(self._store, key, data).data
        return codec.decode(found, DriftReport, where=key), found == data

    def list(self) -> Iterator[DriftReport]:
        """By start of the window."""
        for meta in self._store.list(keys.reports(self._target, self._endpoint)):
            yield codec.decode(self._store.get(meta.key).data, DriftReport, where=meta.key)

    def latest(self) -> DriftReport | None:
        """The one made last."""
        metas = list(self._store.list(keys.reports(self._target, self._endpoint)))
        if not metas:
            return None
        key = max(metas, key=lambda meta: meta.modified).key
        return codec.decode(patiently(lambda: self._store.get(key)).data, DriftReport, where=key)
