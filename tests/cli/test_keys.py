"""`toolkit keys`: what a person types and reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import Shell

PROJECT = '[project]\nname = "shop"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "p").mkdir()
    (tmp_path / "p/toolkit.toml").write_text(PROJECT)
    return tmp_path / "p"


def test_the_life_of_a_key(folder: Path, shell: Shell) -> None:
    assert shell.ok("keys list", folder).out == "no key is trusted: nothing is signed (toolkit keys create)\n"
    made = shell.ok("keys create --owner ada --json", folder).data["key"]
    assert (folder / f"trust/{made['id']}.pub").is_file()
    assert (folder.parent / f"config/toolkit/keys/{made['id']}.key").is_file()
    (listed,) = shell.ok("keys list --json", folder).data["keys"]
    assert (listed["id"], listed["owner"], listed["here"], listed["state"]) == (made["id"], "ada", True, "in force")
    assert "ada" in shell.ok(f"keys show {made['id'][:4]}", folder).out
    exported = shell.ok(f"keys export {made['id']}", folder).out
    assert json.loads(exported)["public"] == made["public"]
    rotated = shell.ok("keys rotate --overlap 7 --json", folder).data
    assert [key["id"] for key in rotated["expiring"]] == [made["id"]]
    done = shell.run(f"keys revoke {made['id']}", folder)
    assert (done.code, "--yes" in done.err) == (2, True)
    assert shell.run(f"keys revoke {made['id']} --yes", folder).code == 2, "without a reason"
    shell.ok(f"keys revoke {made['id']} --yes --reason lost", folder)
    states = {key["id"]: key["state"] for key in shell.ok("keys list --json", folder).data["keys"]}
    assert states[made["id"]].endswith("(lost)")
    assert states[rotated["key"]["id"]] == "in force"


def test_what_goes_wrong_says_what_to_type(folder: Path, shell: Shell) -> None:
    done = shell.run("keys show abcd", folder)
    assert (done.code, "toolkit keys list" in done.err) == (4, True)
    done = shell.run("keys sign", folder)
    assert (done.code, "toolkit train" in done.err) == (4, True)
    (folder / "trust").mkdir()
    (folder / "trust/bad.pub").write_text("ssh-ed25519 AAAA")
    done = shell.run("keys list", folder)
    assert (done.code, "bad.pub is no public key" in done.err) == (2, True)


def test_private_keys_can_be_kept_elsewhere(folder: Path, shell: Shell, tmp_path: Path) -> None:
    elsewhere = tmp_path / "vault"
    made = shell.ok(f"keys create --json --set trust.private={elsewhere}", folder).data["key"]
    assert (elsewhere / f"{made['id']}.key").is_file()
    (listed,) = shell.ok("keys list --json", folder).data["keys"]
    assert listed["here"] is False
