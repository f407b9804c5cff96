"""A port's own table, artifacts, and stores that cannot hold state."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.bootstrap.context import members, open_context
from toolkit.domain.errors import ConfigError, PlanError
from toolkit.domain.specs import Binding, Runtime
from toolkit.state.shelves import Shelves

PROJECT = '[project]\nname = "flights"\n'
HYBRID = """
[targets.prod]
provider = "aws"
[targets.prod.ports]
store = "onprem"
artifacts = "libcloud"
jobs = "local"
[targets.prod.aws]
region = "eu-west-1"
bucket = "functions"
[targets.prod.onprem]
provider = "aws"
region = "eu-west-1"
endpoint = "http://s3.example:8333"
listing = "folders"
bucket = "state"
[targets.prod.libcloud]
driver = "local"
container = "models"
folder = "artifacts"
[targets.both]
targets = ["prod", "local"]
"""


def project(folder: Path, text: str = HYBRID) -> Path:
    (folder / "toolkit.toml").write_text(PROJECT + text)
    return folder


def test_two_tables_of_one_provider(tmp_path: Path) -> None:
    ctx = open_context(project(tmp_path), target="prod", environ={})
    assert {port: binding.provider for port, binding in ctx.bindings.items()} == {
        "store": "aws", "artifacts": "libcloud", "jobs": "local", "functions": "aws", "schedules": "aws",
        "secrets": "aws", "alerts": "aws", "metrics": "aws",
    }  # fmt: skip
    store, functions = ctx.bindings["store"].settings, ctx.bindings["functions"].settings
    assert (store["bucket"], store["endpoint"]) == ("state", "http://s3.example:8333")
    assert (functions["bucket"], functions["endpoint"]) == ("functions", "")
    assert isinstance(ctx.store, Shelves)
    assert (ctx.store.uri(), ctx.shelf.uri()) == ("s3://state/flights", "s3://functions/flights")


def test_a_runtime_says_what_is_shared_once_and_reads_as_it_was() -> None:
    shared, own = {"bucket": "functions", "long": "x" * 100}, {"bucket": "state"}
    ports = {
        "store": Binding(provider="aws", settings=own),
        "functions": Binding(provider="aws", settings=shared),
        "alerts": Binding(provider="aws", settings=shared),
        "jobs": Binding(provider="local", settings={"host": "/h"}),
    }
    import msgspec

    text = Runtime(project="p", target="t", ports=ports).encode()
    assert text.count("x" * 100) == 1
    assert msgspec.json.decode(text, type=Runtime).ports == ports


@pytest.mark.parametrize("where", ["store", "the whole target"])
def test_libcloud_holds_no_state(tmp_path: Path, where: str) -> None:
    named = 'provider = "libcloud"' if where != "store" else 'provider = "aws"\nports = { store = "libcloud" }'
    project(tmp_path, f"[targets.prod]\n{named}\n")
    with pytest.raises(PlanError, match="no create-only write") as refused:
        open_context(tmp_path, target="prod", environ={})
    assert 'artifacts = "libcloud"' in refused.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[targets.a]\nprovider = "aws"\n[targets.a.mine]\nprovider = "aas"\n', "unknown provider 'aas'"),
        ('[targets.a]\nprovider = "aws"\n[targets.a.mine]\nbucket = "b"\n', "unknown key 'mine' in targets.a"),
        ('[targets.a]\nprovider = "aws"\nports = { store = "mine" }\n[targets.a.mine]\nprovider = "aws"\nbuckt = "b"\n',
         "targets.a.mine.buckt"),
        ('[targets.a]\nprovider = "aws"\nports = { artefacts = "local" }\n', "no port is called 'artefacts'"),
        ('[targets.a]\ntargets = ["b"]\n', "unknown target 'b'"),
        ('[targets.a]\ntargets = ["a"]\n', "targets.a.targets: write the names of other targets"),
        ('[targets.a]\ntargets = ["b"]\n[targets.b]\ntargets = ["local"]\n', "b stands for others itself"),
    ],
)  # fmt: skip
def test_mistakes_name_their_place(tmp_path: Path, text: str, said: str) -> None:
    project(tmp_path, text)

    def opened() -> None:
        for name in members(tmp_path, target="a", environ={}):
            open_context(tmp_path, target=name, environ={})

    with pytest.raises(ConfigError, match=said):
        opened()


def test_a_target_that_stands_for_others(tmp_path: Path) -> None:
    project(tmp_path)
    assert members(tmp_path, target="both", environ={}) == ["prod", "local"]
    assert members(tmp_path, target="prod", environ={}) == ["prod"]
    with pytest.raises(ConfigError, match="'both' stands for prod, local: this asks for one"):
        open_context(tmp_path, target="both", environ={})
