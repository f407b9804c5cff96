"""Where a thing came from and what came of it, read off facts that are stored anyway.

    dataset version -> run -> model version -> release -> prediction

No edge is stored: a run names its dataset, a registry entry its run, a release its model version, and a captured
prediction (whose id tells its hour) the model that made it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from toolkit.domain import times
from toolkit.domain.errors import ConfigError, Corrupt, NotFound
from toolkit.domain.records import ModelVersion
from toolkit.ports.store import Store
from toolkit.state import keys
from toolkit.state.datasets import Datasets
from toolkit.state.patience import patiently
from toolkit.state.registry import Registry
from toolkit.state.releases import Recorded, Releases
from toolkit.state.runs import Runs

_PREDICTION = re.compile(r"(([0-9a-f]{12})[0-9a-f]{10})-[0-9]+")


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One thing. `id` is what `trace` takes: "dataset:flights@<version>", "run:<id>", "model:flights@3",
    "release:prod/flights@<entry>", "prediction:<id>"."""

    id: str
    kind: str
    facts: dict[str, Any] = {}


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """`result` came of `source`: `how` reads "<result> <how> <source>"."""

    source: str
    result: str
    how: str


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Everything above and below `root`, in the order it was found."""

    root: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class _Captured(msgspec.Struct):
    """What is needed of serving's "captured" record."""

    model: str
    model_version: int
    model_digest: str
    requests: list[tuple[str, int]]
    flushed: str = ""


def trace(store: Store, what: str) -> Trace:
    """The lineage of `what`: a node's id; also "model:flights@champion", "model:flights" (the champion),
    "dataset:flights" (the latest), "release:prod/flights" (the current one), a bare run id or prediction id.

    NotFound; ConfigError (not a reference).
    """
    walk = _Walk(store)
    root = walk.resolve(what)
    walk.up(root)
    walk.down(root)
    return Trace(root=root, nodes=tuple(walk.nodes.values()), edges=tuple(dict.fromkeys(walk.edges)))


class _Walk:
    def __init__(self, store: Store) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self._store = store
        self._datasets = Datasets(store)
        self._runs = Runs(store)
        self._releases: list[tuple[str, Recorded]] | None = None

    def resolve(self, what: str) -> str:
        """The id of the node that `what` names, which is in `nodes` then."""
        kind, found, name = what.partition(":")
        if not found:
            kind, name = ("prediction" if _PREDICTION.fullmatch(what) else "run"), what
        resolvers: dict[str, Callable[[str], str]] = {
            "dataset": self._dataset,
            "run": self._run,
            "model": self._model,
            "release": self._release,
            "prediction": self._prediction,
        }
        if kind not in resolvers:
            raise ConfigError(
                f"{what!r} names nothing with a lineage", hint="dataset:NAME, run:ID, model:NAME@3, release:TARGET/NAME"
            )
        return resolvers[kind](name)

    def up(self, node: str) -> None:
        """Follow what `node` came from."""
        facts = self.nodes[node].facts
        match self.nodes[node].kind:
            case "dataset" if facts["parent"]:
                self._came(f"{facts['name']}@{facts['parent']}", self._dataset, node, "appends to")
            case "run":
                self._came(f"{facts['dataset']}@{facts['dataset_version']}", self._dataset, node, "trained on")
            case "model" if facts["run"]:
                self._came(facts["run"], self._run, node, "was made by")
            case "release" if facts["version"]:
                self._came(f"{facts['model']}@{facts['version']}", self._model, node, "serves")
            case "prediction" if facts["release"]:
                self._came(facts["release"], self._release, node, "was made by")
            case "prediction":
                self._came(f"{facts['model']}@{facts['version']}", self._model, node, "was made by")

    def down(self, node: str) -> None:
        """Follow what came of `node`. Predictions are not listed: there may be any number of them."""
        for result, how in self._results(self.nodes[node]):
            self.edges.append(Edge(source=node, result=result, how=how))
            self.down(result)

    def _came(self, name: str, make: Callable[[str], str], node: str, how: str) -> None:
        try:
            source = make(name)
        except NotFound:
            return  # forgotten or elsewhere: the trace ends here
        self.edges.append(Edge(source=source, result=node, how=how))
        self.up(source)

    def _results(self, node: Node) -> Iterator[tuple[str, str]]:
        facts = node.facts
        if node.kind == "dataset":
            for other in self._datasets.list(facts["name"]):
                if other.parent == facts["version"]:
                    yield self._dataset(f"{other.name}@{other.version}"), "appends to"
            for view in self._runs.search(where=[("dataset_version", "=", facts["version"])], limit=10_000):
                if view.spec.dataset == facts["name"]:
                    yield self._run(view.id), "trained on"
        elif node.kind == "run":
            for version in Registry(self._store, facts["model"]).versions():
                if version.run_id == facts["run"]:
                    yield self._model_node(facts["model"], version), "was made by"
        elif node.kind == "model":
            for place, recorded in self._all_releases():
                release = recorded.release
                if (release.model, release.model_version) == (facts["model"], facts["version"]):
                    yield self._release_node(place, recorded), "serves"

    def _add(self, kind: str, name: str, /, **facts: Any) -> str:
        node = Node(id=f"{kind}:{name}", kind=kind, facts=facts)
        self.nodes.setdefault(node.id, node)
        return node.id

    def _dataset(self, name: str) -> str:
        name, _, version = name.partition("@")
        found = self._datasets.get(name, version) if version else self._datasets.latest(name)
        return self._add(
            "dataset",
            f"{found.name}@{found.version}",
            name=found.name,
            version=found.version,
            parent=found.parent,
            rows=found.rows,
            source=found.source,
            created=found.created,
            files=[file.digest for file in found.files],
        )

    def _run(self, run_id: str) -> str:
        view = self._runs.view(run_id)
        spec = view.spec
        return self._add(
            "run",
            run_id,
            run=run_id,
            model=spec.model,
            status=view.status,
            dataset=spec.dataset,
            dataset_version=spec.dataset_version,
            code=spec.code,
            environment=spec.environment,
            reason=spec.reason,
            actor=spec.actor,
            created=spec.created,
        )

    def _model(self, name: str) -> str:
        name, _, which = name.partition("@")
        registry = Registry(self._store, name)
        if which.isdecimal():
            return self._model_node(name, registry.version(int(which)))
        holder = registry.holder(which or "champion")
        if holder is None:
            raise NotFound(f"nobody holds {which or 'champion'} of {name}", hint=f"toolkit models show {name}")
        return self._model_node(name, holder)

    def _model_node(self, model: str, version: ModelVersion) -> str:
        return self._add(
            "model",
            f"{model}@{version.version}",
            model=model,
            version=version.version,
            digest=version.digest,
            run=version.run_id,
            actor=version.actor,
            created=version.created,
        )

    def _release(self, name: str) -> str:
        place, _, entry = name.partition("@")
        known = [recorded for at, recorded in self._all_releases() if at == place]
        for recorded in reversed(known):
            if not entry or str(recorded.entry) == entry:
                return self._release_node(place, recorded)
        raise NotFound(f"there is no release {name}", hint="toolkit status")

    def _release_node(self, place: str, recorded: Recorded) -> str:
        release = recorded.release
        return self._add(
            "release",
            f"{place}@{recorded.entry}",
            model=release.model,
            version=release.model_version,
            digest=release.model_digest,
            bundle=release.bundle,
            function=release.function,
            function_version=release.function_version,
            reason=release.reason,
            actor=recorded.actor,
            time=recorded.time,
        )

    def _all_releases(self) -> list[tuple[str, Recorded]]:
        """Every release of every endpoint with its "target/endpoint", oldest first within one."""
        if self._releases is None:
            self._releases = [
                (f"{target}/{endpoint}", recorded)
                for target, endpoint in Releases.endpoints(self._store)
                for recorded in Releases(self._store, target, endpoint).history()
            ]
        return self._releases

    def _prediction(self, prediction: str) -> str:
        match = _PREDICTION.fullmatch(prediction)
        if match is None:
            raise ConfigError(f"{prediction!r} is not a prediction id", hint="it is `id` in a reply of /predict")
        moment = datetime.fromtimestamp(int(match[2], 16) / 1000, UTC)
        hour = keys.stamp(times.text(moment.replace(minute=0, second=0, microsecond=0)))
        for target, endpoint in Releases.endpoints(self._store):
            for meta in self._store.list(f"{keys.captures(target, endpoint)}{hour}"):
                captured = self._captured(meta.key)
                if any(prefix == match[1] for prefix, _ in captured.requests):
                    return self._prediction_node(prediction, f"{target}/{endpoint}", captured, times.text(moment))
        raise NotFound(f"no captured prediction {prediction}", hint="it may not be flushed yet, or past its retention")

    def _captured(self, key: str) -> _Captured:
        data = patiently(lambda: self._store.get(key)).data
        try:
            return msgspec.json.decode(data, type=_Captured)
        except msgspec.MsgspecError as error:
            raise Corrupt(f"not a readable capture at {key}: {error}") from error

    def _prediction_node(self, prediction: str, place: str, captured: _Captured, time: str) -> str:
        # Of the releases of that model version, the last that was recorded before the answer was written.
        made = [
            recorded
            for at, recorded in self._all_releases()
            if at == place and recorded.release.model_digest == captured.model_digest
            if not captured.flushed or recorded.time <= captured.flushed
        ]
        return self._add(
            "prediction",
            prediction,
            time=time,
            model=captured.model,
            version=captured.model_version,
            digest=captured.model_digest,
            release=f"{place}@{made[-1].entry}" if made else "",
        )
