"""A target whose cloud is played here: refused while nothing plays it, led there when something does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import Shell
from toolkit.adapters.aws import client as aws
from toolkit.bootstrap import emulators, open_context
from toolkit.domain.errors import ConfigError, Unavailable
from toolkit.execution.tree import identity

TOML = """
name = "shop"
default_target = "local"

[targets.local]
provider = "local"

[targets.played]
provider = "aws"

[targets.played.aws]
emulator = "moto"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "toolkit.toml").write_text(TOML)
    return tmp_path


def test_nothing_opens_before_it_runs_and_no_address_is_the_clouds(folder: Path, shell: Shell) -> None:
    ctx = open_context(folder, target="played")
    settings = ctx.bindings["store"].settings
    assert settings["endpoint"] == settings["services_endpoint"] == emulators.NOWHERE
    with pytest.raises(Unavailable, match="not running") as refused:
        _ = ctx.store
    assert refused.value.hint == "toolkit dev -t played"
    done = shell.run("secrets ls -t played --json", folder)
    assert done.code == 7
    assert "toolkit dev -t played" in done.out + done.err


def test_the_rest_of_the_project_is_untouched(folder: Path) -> None:
    ctx = open_context(folder, target="local")
    assert emulators.emulated(ctx) == {}
    assert list(ctx.store.list("nothing/")) == []


def test_functions_run_on_this_python_unless_another_is_named(folder: Path) -> None:
    assert open_context(folder, target="played").provider("functions").function_python == "host"
    other = open_context(folder, target="played", overrides=["serve.python='3.19'"])
    assert other.provider("functions").function_python != "host"


def test_what_an_emulator_lacks_is_not_claimed(folder: Path) -> None:
    (folder / "toolkit.toml").write_text(TOML.replace("moto", "ministack"))
    provider = open_context(folder, target="played").provider("functions")
    assert not provider.offers("functions.weights")
    assert provider.offers("functions.http")


def test_an_emulator_that_there_is_not(folder: Path) -> None:
    (folder / "toolkit.toml").write_text(TOML.replace("moto", "localcloud"))
    with pytest.raises(ConfigError, match="emulator"):
        open_context(folder, target="played")


@pytest.mark.slow
def test_it_starts_with_what_an_operator_makes_is_found_and_stops(
    folder: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")  # nothing of the user's is looked at
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "users-own")
    try:
        started = shell.ok("dev -t played --json", folder).data
        assert started["running"]
        address = started["address"]
        assert shell.ok("dev -t played --json", folder).data["pid"] == started["pid"]
        assert shell.ok("dev -t played --status --json", folder).data["address"] == address
        ctx = open_context(folder, target="played")
        assert aws.credentials("us-east-1", address).access_key == "test"
        ctx.store.put("a", b"1")
        assert [meta.key for meta in ctx.store.list()] == ["a"]
        assert shell.ok("bootstrap -t played --dry-run --json", folder).data["changed"] == 0
    finally:
        shell.ok("dev -t played --stop", folder)
    assert shell.ok("dev -t played --status --json", folder).data == {"running": False}
    assert identity(started["pid"]) != started["identity"]
    assert not (folder / ".toolkit/played/aws/home").exists()
    again = open_context(folder, target="played").bindings["store"].settings["endpoint"]
    assert again == address  # the port is kept: URLs outlive a restart


def test_one_that_something_else_has_started(folder: Path) -> None:
    more = TOML + 'emulator_address = "http://127.0.0.1:1"\n'
    (folder / "toolkit.toml").write_text(more)
    ctx = open_context(folder, target="played")
    assert emulators.emulated(ctx) == {}
    assert ctx.bindings["store"].settings["endpoint"] == "http://127.0.0.1:1"
    assert json.dumps(ctx.bindings["store"].settings)
