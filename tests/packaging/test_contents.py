from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from importlib import metadata

import pytest

from toolkit.adapters.local import PROVIDER
from toolkit.domain.errors import ConfigError, MissingExtra
from toolkit.packaging import contents, ours, shipped
from toolkit.packaging.contents import NEEDS, name_of, requirements

# Third-party modules that the code in a bundle names and its function never comes to import, and why.
NEVER_REACHED = {
    "uv": "jobs are installed by their supervisor, which runs outside the function",
    "platformdirs": "the same",
    "cronsim": "schedules are set when deploying and fired by the host",
    "stamina": "the same",
    "awslambdaric": "the runtime client starts the function, from outside its bundle",
    "h11": "the HTTP front stands outside the function",
    "cryptography": "it signs where a private key is, which is no function; deploy adds it where [auth] asks for JWT",
}
PER_FUNCTION = {
    "inference": {
        "httpx2": "the inference function raises no alert",
        "jwt": "deploy adds it where [auth] asks for JWT (lifecycle.access)",
        "pyarrow": "Arrow bodies are the project's choice: pyarrow among the requirements under [serve]",
    },
    "drift_check": {
        "onnxruntime": "the drift check reads profiles and never predicts",
        "apprise": "deploy adds it where [alerts] names a channel",
    },
}


def test_versions_are_those_of_this_environment() -> None:
    wanted, around = requirements("inference", {}, [])
    assert f"onnxruntime=={metadata.version('onnxruntime')}" in wanted
    assert f"numpy=={metadata.version('numpy')}" in wanted
    assert f"starlette=={metadata.version('starlette')}" in around
    assert f"pydantic-core=={metadata.version('pydantic-core')}" in around
    assert wanted == sorted(wanted)
    assert not [pin for pin in around if pin.startswith(("pytest", "polars", "pandas"))]


def test_the_users_package_replaces_ours() -> None:
    wanted, around = requirements("inference", {}, ["NumPy >=2", "left-pad==1.0"])
    assert "NumPy >=2" in wanted
    assert "left-pad==1.0" in wanted
    assert not [pin for pin in [*wanted, *around] if pin.startswith("numpy==")]


@pytest.mark.parametrize("text", ["./mine", "-r x.txt", "mine @ file:///x", "", "a b"])
def test_only_packages_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a package by name"):
        name_of(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Pydantic_Core>=2", "pydantic-core"),
        ("a.b[x,y] ~= 1.0 ; python_version > '3'", "a-b"),
        ("x @ https://h/x.whl", "x"),
    ],
)
def test_normal_names(text: str, name: str) -> None:
    assert name_of(text) == name


def test_a_set_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(contents.NEEDS, "inference", ("onnxruntime-not-here",))
    with pytest.raises(MissingExtra, match="onnxruntime-not-here"):
        requirements("inference", {}, [])


@pytest.mark.parametrize("function", sorted(NEEDS))
def test_everything_a_function_can_import_is_in_its_set_or_explained(function: str) -> None:
    """A new third-party import in a module that ships fails here, not in a cloud."""
    package = ours.read(ours.PACKAGE, "toolkit/")
    files = ours.read(shipped.folder("functions") / function)
    own = {n: d for n, d in files.items() if n.endswith(".py") and n != ours.CONTAINER_ENTRY}
    names = ours.needed(own, package, ["local"])
    used = _third_party([*own.values(), *(package[name] for name in names if name.endswith(".py"))])
    carried = {*NEEDS[function], *PROVIDER.needs.get(function, ())}
    assert used - carried - NEVER_REACHED.keys() - PER_FUNCTION[function].keys() == set()


def _third_party(sources: Iterable[bytes]) -> set[str]:
    found = set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"toolkit"}


def test_a_compiled_model_needs_no_arrays_and_no_framework() -> None:
    wanted, around = requirements("inference", {}, [], compiled=True)
    names = {pin.partition("==")[0] for pin in [*wanted, *around]}
    assert names == {"mangum", "msgspec", "typing-extensions"}
    wanted, _ = requirements("inference", {}, ["pandas>=2"], compiled=True)
    assert "pandas>=2" in wanted
