"""Pools over code of a few lines, and what tests ask of their outcomes."""

import json
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.support import until
from toolkit.execution.aws_lambda import Deployment, Outcome, Pool
from toolkit.execution.aws_lambda.log import FunctionLog, read
from toolkit.execution.aws_lambda.runtimes import Choice
from toolkit.execution.tree import identity

# The real client has no wheel for every machine; where it is missing, our own has to stand alone.
CLIENTS: list[Choice] = ["awslambdaric", "own"] if sys.platform == "linux" else ["own"]


class Rig:
    """Pools over code of a few lines, closed after the case."""

    def __init__(self, folder: Path, client: Choice) -> None:
        self.folder = folder
        self.client = client
        self.pools: list[Pool] = []
        self.log = folder / "log.jsonl"

    def open(self, code: str, files: dict[str, str] | None = None, **fields: Any) -> Pool:
        root = self.folder / f"bundle-{len(self.pools)}"
        for name, text in {"app.py": code, **(files or {})}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        deployment = Deployment("probe", "7", root, **{"timeout_seconds": 10.0, **fields})
        pool = Pool(
            deployment,
            workers=self.folder / "workers",
            runtime=self.folder / "runtime",
            log=FunctionLog(self.log),
            client=self.client,
        )
        self.pools.append(pool)
        return pool

    def lines(self) -> list[str]:
        return [line.text for line in read(self.log)]


def value(outcome: Outcome) -> Any:
    assert outcome.error == "", outcome
    return json.loads(outcome.payload)


def told(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outcome.payload)
    assert found["errorType"] == outcome.error
    return found


def gone(pid: int) -> None:
    until(lambda: identity(pid) == "")
