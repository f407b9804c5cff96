"""A small project to train in: a table in a store, a training function in a folder, a Context on both."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.models.conftest import make_table
from toolkit.bootstrap import providers
from toolkit.bootstrap.opening import open_port
from toolkit.data import snapshot
from toolkit.domain.config import DataConfig, Gate, ModelConfig, Project, SplitConfig, TrainConfig
from toolkit.domain.records import Dataset
from toolkit.domain.specs import PORTS, Binding
from toolkit.ports.context import Context

TRAIN = """
import toolkit
from sklearn.ensemble import HistGradientBoostingClassifier

def train(data, params):
    model = HistGradientBoostingClassifier(max_iter=params.get("trees", 5), categorical_features=data.text)
    toolkit.log_param("rows", len(data.y))
    for step in range(3):
        toolkit.log_metric("progress", step / 2, step=step)
    return model.fit(data.X, data.y)
"""


@dataclass
class Told:
    """A Reporter that keeps what it is told."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    @contextmanager
    def track(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        yield lambda n: None


@dataclass
class Shop:
    ctx: Context
    folder: Path
    told: Told

    def code(self, text: str, name: str = "train.py") -> Shop:
        (self.folder / name).write_text(text)
        return self

    def dataset(self, rows: int = 400, seed: int = 0, label: str = "bought") -> Dataset:
        table = make_table(rows, seed)
        return snapshot.take(
            self.ctx.store, "shop", table.rows, table.schema(label), source="memory", created=self.ctx.clock()
        )

    def configure(self, **changes: Any) -> Shop:
        self.ctx.project = self.ctx.project.model_copy(update=changes)
        return self


def make_shop(folder: Path, *, provider: str = "memory", settings: dict[str, Any] | None = None, **train: Any) -> Shop:
    """`provider` "memory" runs jobs inside this process, "local" for real."""
    told = Told()
    sys.modules.pop("toolkit.entry.job", None)  # a job starts in a fresh interpreter; runpy warns where it does not
    binding = Binding(provider=provider, settings=settings or {"name": uuid.uuid4().hex, "jobs": "here"})
    project = Project(
        name="shop",
        data=DataConfig(label="bought", split=SplitConfig(test=0.25)),
        train=TrainConfig(**train),
        export=ModelConfig(slices=["city"]),
        gates=[Gate(metric="roc_auc", min=0.5, max_drop=0.02)],
    )
    directory = folder / "project"
    directory.mkdir()
    ctx = Context(
        project=project,
        target="test",
        directory=directory,
        bindings=dict.fromkeys(PORTS, binding),
        providers={provider: providers.provider(provider)},
        opener=open_port,
        actor="ada",
        report=told,
    )
    return Shop(ctx, directory, told).code(TRAIN)
