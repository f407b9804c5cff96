"""Functions of a few lines, published under names of a case's own, and what can be asked of them from outside."""

from __future__ import annotations

import io
import textwrap
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from toolkit.domain import digest
from toolkit.domain.specs import FunctionSpec
from toolkit.ports.functions import Functions
from toolkit.ports.store import Store
from toolkit.testing.claims import Suite

PutBundle = Callable[[dict[str, bytes]], tuple[str, str]]
Visit = Callable[[str, dict[str, str]], int]


def bundle_into(store: Store) -> PutBundle:
    """A `put_bundle` that zips files and puts them into `store`."""

    def put(files: dict[str, bytes]) -> tuple[str, str]:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as bundle:
            for name, data in files.items():
                bundle.writestr(zipfile.ZipInfo(name), data)
        found = digest.of_bytes(archive.getvalue())
        store.put(f"bundles/{found}", archive.getvalue())
        return found, f"bundles/{found}"

    return put


def answers(word: str) -> str:
    """Code of a function that answers with `word`."""
    return f"""
    def handler(event, context):
        return {{"statusCode": 200, "headers": {{"content-type": "text/plain"}}, "body": {word!r}}}
"""


class Deploy:
    """Publishes code under names of this case, which begin with `begin`; `delete` removes all of it."""

    def __init__(self, functions: Functions, put_bundle: PutBundle, *, begin: str = "probe", **fields: Any) -> None:
        self._begin = begin
        self._fields = fields
        self._functions = functions
        self._put_bundle = put_bundle
        self.case = uuid4().hex[:8]
        self._names: set[str] = set()

    def name(self, part: str = "fn") -> str:
        found = f"{self._begin}-{self.case}-{part}"
        self._names.add(found)
        return found

    def spec(self, code: str, *, part: str = "fn", **fields: Any) -> FunctionSpec:
        digest, key = self._put_bundle({"app.py": textwrap.dedent(code).encode()})
        tags = {"managed-by": "toolkit", "case": self.case}
        values = {"timeout_seconds": 10, "tags": tags, **self._fields, **fields}
        return FunctionSpec(name=self.name(part), bundle=digest, bundle_key=key, **values)

    def __call__(self, code: str, *, part: str = "fn", **fields: Any) -> str:
        """Publish and route; the function's name."""
        spec = self.spec(code, part=part, **fields)
        self._functions.route(spec.name, {self._functions.publish(spec): 1.0})
        return spec.name

    def delete(self) -> None:
        for name in self._names:
            self._functions.delete(name)


class DeployingSuite(Suite):
    """Its cases publish with `deploy`, which deletes what they published. See FunctionsSuite for what it is given."""

    fields: ClassVar[dict[str, Any]] = {}
    begin: ClassVar[str] = "probe"

    @pytest.fixture
    def deploy(self, functions: Functions, put_bundle: PutBundle) -> Iterator[Deploy]:
        deploy = Deploy(functions, put_bundle, begin=self.begin, **self.fields)
        yield deploy
        deploy.delete()

    @pytest.fixture
    def visit(self) -> Visit:
        """The status that a URL answers to a client without an identity."""
        return visit


def seen(functions: Functions, name: str, text: str, after: str = "", seconds: float = 30.0) -> bool:
    """Whether the log has a line with `text`, given time to come (logs may be late)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(line.text.strip() == text for line in functions.logs(name, after=after)):
            return True
        time.sleep(0.05)
    return False


def visit(url: str, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
