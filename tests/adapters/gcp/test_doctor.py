"""`toolkit doctor` on Google Cloud: each thing that can be missing is one line with what to type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.gcp import google
from tests.support import Shell
from toolkit.adapters.gcp import PROVIDER, client, permissions
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.doctor import Look, check
from toolkit.adapters.gcp.grants import POWERS, Site, roles
from toolkit.adapters.gcp.names import Names
from toolkit.adapters.gcp.storage_api import StorageApi
from toolkit.adapters.gcp.store import open_store
from toolkit.domain.errors import AlreadyExists, NotFound, PermissionDenied, Unauthenticated
from toolkit.ports import Settings
from toolkit.ports.checks import Asked, Check, Checks
from toolkit.ports.store import CREATE
from toolkit.resources import KINDS

_FITS: Checks = check
ALL = frozenset(PROVIDER.ports)
SITE = Site("s-t", "my-project", "1", "europe-west1", "bucket", "s")


def asked(settings: Settings, *, ports: frozenset[str] = ALL) -> dict[str, Check]:
    return {found.name: found for found in check(Asked(settings, "prod", ports))}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return google.prepared()


def test_what_is_all_there(settings: Settings) -> None:
    found = asked(settings)
    assert [one for one in found.values() if not one.ok] == []
    assert found["gcp project"].said == "emulated-project"
    assert found["gcp region"].said == "europe-west1"
    assert found["gcp identity"].said == "operator@emulated-project.iam.gserviceaccount.com"
    assert found["gcp bucket"].said == f"{settings['bucket']} in europe-west1"
    assert set(found) >= {"gcp clock", "gcp bucket versions", "gcp bucket private", "gcp APIs", "gcp accounts",
                          "gcp permissions"}  # fmt: skip
    assert not [one for one in found.values() if "not checked" in one.said]


def test_only_the_ports_that_it_gives_are_looked_at(settings: Settings) -> None:
    found = asked(settings, ports=frozenset({"secrets"}))
    assert not [name for name in found if "bucket" in name]
    assert found["gcp APIs"].said == "1 that are needed are enabled"


def _patch(given: Settings, change: dict[str, object]) -> None:
    StorageApi(google.address()).call("spoil", "PATCH", f"b/{given['bucket']}", change)


def _unversioned(given: Settings) -> None:
    _patch(given, {"versioning": {"enabled": False}})


def _public(given: Settings) -> None:
    _patch(given, {"iamConfiguration": {"publicAccessPrevention": "inherited"}})


def _own_rules(given: Settings) -> None:
    _patch(given, {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": False}}})


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [
        (_unversioned, "gcp bucket versions", "versions are not kept"),
        (_public, "gcp bucket private", "public access is not prevented"),
        (_own_rules, "gcp bucket private", "objects may have rules of their own"),
    ],
)
def test_what_is_wrong_with_the_bucket(spoil: Callable[[Settings], None], name: str, said: str) -> None:
    given = google.bucket()
    _patch(given, {
        "versioning": {"enabled": True},
        "iamConfiguration": {"publicAccessPrevention": "enforced", "uniformBucketLevelAccess": {"enabled": True}},
    })  # fmt: skip
    spoil(given)
    found = asked(given)[name]
    assert (found.ok, found.said, found.hint) == (False, said, "toolkit bootstrap -t prod")


@pytest.mark.parametrize(
    ("change", "name", "said", "hint"),
    [
        ({"project": ""}, "gcp project", "none is set", 'project = "my-project" in [targets.prod.gcp]'),
        ({"region": ""}, "gcp region", "none is set", 'region = "europe-west1" in [targets.prod.gcp]'),
        ({"bucket": ""}, "gcp bucket", "none is set", "toolkit bootstrap -t prod"),
        ({"bucket": "nobodys"}, "gcp bucket", "there is no bucket nobodys", "toolkit bootstrap -t prod makes it"),
        ({"region": "us-east1"}, "gcp bucket", " in europe-west1", 'region = "europe-west1" in [targets.prod.gcp]'),
        ({"stem": "other"}, "gcp accounts", "there is no other-drift-check@", "toolkit bootstrap -t prod"),
        ({"project": "other-project"}, "gcp APIs", "not enabled: ", "gcloud services enable "),
    ],
)
def test_what_is_missing(settings: Settings, change: dict[str, str], name: str, said: str, hint: str) -> None:
    found = asked({**settings, **change})[name]
    assert not found.ok
    assert said in found.said
    assert hint in found.hint


def test_what_the_caller_may_not_do_is_named(settings: Settings) -> None:
    with google.acting(Names(settings["stem"]).account("drift-check", "emulated-project")):
        found = asked(settings)
    assert found["gcp identity"].said.startswith(Names(settings["stem"]).account("drift-check", "x").partition("@")[0])
    assert not found["gcp permissions"].ok
    assert "run.services.create" in found["gcp permissions"].said
    assert "run.jobs.run" not in found["gcp permissions"].said
    assert "storage.objects.list" not in found["gcp permissions"].said
    assert found["gcp bucket"].ok
    assert "not checked" in found["gcp bucket"].said


def test_the_deployer_may_all_that_the_command_line_needs(settings: Settings) -> None:
    with google.acting(Names(settings["stem"]).account("deployer", "emulated-project")):
        found = asked(settings)
    assert [f"{one.name}: {one.said}" for one in found.values() if not one.ok] == []


def test_nobody_is_one_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is no emulator's, and there is nobody logged in."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    client.credentials.cache_clear()
    nobodys = google.settings(services_endpoint="http://127.0.0.1:19")
    with pytest.raises(Unauthenticated):
        asked(nobodys)
    client.credentials.cache_clear()


def test_a_clock_that_is_wrong(settings: Settings) -> None:
    look = Look(Asked(settings, "prod", ALL))
    found = look._clock("Mon, 01 Jan 2024 00:00:00 GMT")
    assert not found.ok
    assert "ahead of Google" in found.said
    assert found.hint == "sudo timedatectl set-ntp true"


def test_doctor_shows_it(shell: Shell, tmp_path: Path, settings: Settings) -> None:
    lines = "\n".join(f'{name} = "{settings[name]}"' for name in ("stem", "project", "region", "bucket", "endpoint",
                                                                   "services_endpoint"))  # fmt: skip
    config = f'[project]\nname = "mine"\n[targets.prod]\nprovider = "gcp"\n[targets.prod.gcp]\n{lines}\n'
    (tmp_path / "toolkit.toml").write_text(config)
    found = {one["name"]: one for one in shell.run("doctor -t prod --json", tmp_path).data["checks"]}
    assert found["gcp permissions"]["ok"]
    assert found["store works"]["ok"]


# Permissions of a plan's actions, and what the bucket lets whom do


def test_a_plan_asks_for_nothing_that_the_deployer_is_not_given() -> None:
    given = {one for grant in roles(SITE)["deployer"] for one in POWERS[grant.power].permissions}
    for key, wanted in permissions.TABLE.items():
        assert set(wanted) <= given, key


def test_every_kind_of_thing_has_its_permissions() -> None:
    assert set(KINDS) <= {kind for kind, _ in permissions.TABLE}
    assert PROVIDER.permits("function", "create") == permissions.of("function", "create") != ()
    assert PROVIDER.permits("function", "keep") == ()


def test_who_may_only_create_is_told_that_it_lost(settings: Settings) -> None:
    """Overwriting takes a right that nobody has in the journal; losing a race must not look like lacking one."""
    store = open_store(settings)
    with google.acting(Names(settings["stem"]).account("job", "emulated-project")):
        own = open_store(settings)
        own.put("journal/registry/m/1.json", b"1", CREATE)
        with pytest.raises(AlreadyExists):
            own.put("journal/registry/m/1.json", b"2", CREATE)
        with pytest.raises(PermissionDenied, match=r"storage\.objects\.delete"):
            own.put("journal/registry/m/1.json", b"2")
        with pytest.raises(PermissionDenied, match=r"storage\.objects\.delete"):
            own.delete("journal/registry/m/1.json")
        with pytest.raises(PermissionDenied, match=r"storage\.objects\.create"):
            own.put("journal/releases/prod/e/1.json", b"1", CREATE)
    assert store.get("journal/registry/m/1.json").data == b"1"


def test_inference_writes_what_it_counts_and_reads_what_is_released(settings: Settings) -> None:
    outside = open_store(settings)
    outside.put("blobs/data", b"data")
    for key in ("models/m", "signatures/s", "journal/releases/prod/e/1.json"):
        outside.put(key, b"released")
    with google.acting(Names(settings["stem"]).account("inference", "emulated-project")):
        own = open_store(settings)
        own.put("profiles/a", b"1", CREATE)
        assert own.get("profiles/a").data == b"1"
        for key in ("models/m", "signatures/s", "journal/releases/prod/e/1.json"):
            assert own.get(key).data == b"released"
        with pytest.raises(NotFound):  # not "denied": the next entry of the journal is asked for
            own.get("journal/releases/prod/e/2.json")
        for key in ("blobs/data", "journal/registry/m/1.json"):
            with pytest.raises(PermissionDenied):
                own.get(key)
        with pytest.raises(PermissionDenied):
            own.put("models/m", b"other")


def test_being_the_deployer_is_for_who_may(settings: Settings) -> None:
    own = Names(settings["stem"])
    path = f"projects/-/serviceAccounts/{own.account('deployer', 'emulated-project')}:generateAccessToken"
    with google.acting(own.account("job", "emulated-project")), pytest.raises(PermissionDenied):
        Api("iamcredentials.googleapis.com", "v1", google.address()).call("be", "POST", path, {"scope": ["x"]})
