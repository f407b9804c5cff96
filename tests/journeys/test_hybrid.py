"""One model on two clouds at once: trained by a local job, its state on an S3 server of one's own, what is large in a
folder by libcloud, served by functions on AWS and on Google Cloud. One registry for both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.aws import seaweedfs
from tests.support import Shell, small_csv
from toolkit.adapters.aws.store import open_store
from toolkit.adapters.libcloud.settings import LibcloudSettings
from toolkit.adapters.libcloud.store import open_store as open_artifacts
from toolkit.ports import Settings
from toolkit.state.keys import BLOBS
from toolkit.state.shelves import LARGE
from toolkit.testing.seaweed import KEY, SECRET

pytestmark = pytest.mark.slow

TARGET = """
[targets.{name}]
provider = "{provider}"
[targets.{name}.ports]
store = "onprem"
artifacts = "libcloud"
jobs = "local"
[targets.{name}.{provider}]
emulator = "{emulator}"
[targets.{name}.onprem]
provider = "aws"
{onprem}
[targets.{name}.libcloud]
driver = "local"
container = "models"
folder = "artifacts"
"""
CLOUDS = {"amazon": ("aws", "moto"), "google": ("gcp", "google")}


class Site:
    """A project of two clouds, and what both have in common."""

    def __init__(self, folder: Path, shell: Shell) -> None:
        self.folder, self.shell = folder, shell
        self.onprem = seaweedfs.folder()
        (folder / "artifacts" / "models").mkdir(parents=True)
        (folder / "churn.csv").write_text(small_csv(rows=4000))
        shell.ok("init --from churn.csv --label churned --name churn", folder)
        own = ("region", "endpoint", "listing", "bucket", "prefix")
        onprem = "\n".join(f"{key} = {json.dumps(self.onprem[key])}" for key in own)
        tables = [
            TARGET.format(name=name, provider=provider, emulator=emulator, onprem=onprem)
            for name, (provider, emulator) in CLOUDS.items()
        ]
        with (folder / "toolkit.toml").open("a") as configuration:
            configuration.write("".join(tables) + f"\n[targets.everywhere]\ntargets = {json.dumps(list(CLOUDS))}\n")

    @property
    def artifacts(self) -> Settings:
        folder = str(self.folder / "artifacts")
        return LibcloudSettings(driver="local", container="models", folder=folder, prefix="churn").model_dump()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    shell = Shell()
    with pytest.MonkeyPatch.context() as patch:
        _at_home(patch, tmp_path_factory.mktemp("home"))
        found = Site(tmp_path_factory.mktemp("hybrid"), shell)
        try:
            for name in CLOUDS:
                shell.ok(f"dev -t {name} --background", found.folder)
            yield found
        finally:
            for name in CLOUDS:
                shell.run(f"dev -t {name} --stop", found.folder)


def _at_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    """A local job is given no variables of the user's: it finds the credentials where boto3 looks by itself."""
    from platformdirs import user_cache_path

    patch.setenv("XDG_CACHE_HOME", str(user_cache_path("driftloop", appauthor=False).parent))
    patch.setenv("HOME", str(home))
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text(f"[default]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")


def test_one_model_on_two_clouds(site: Site) -> None:
    shell, folder = site.shell, site.folder
    shell.ok("train -t amazon", folder)
    shell.ok("promote -t everywhere --yes", folder)
    deployed = json.loads(shell.ok("deploy -t everywhere --yes --json", folder).out)
    assert deployed["ok"] is True
    assert {name: one["data"]["release"]["model_version"] for name, one in deployed["data"].items()} == {
        "amazon": 1, "google": 1,
    }  # fmt: skip
    digests = {one["data"]["release"]["model_digest"] for one in deployed["data"].values()}
    assert len(digests) == 1
    answers = [shell.ok(f"invoke --sample 3 -t {name} --json", folder).data["predictions"] for name in CLOUDS]
    assert [strip(one) for one in answers[0]] == [strip(one) for one in answers[1]]

    status = json.loads(shell.ok("status -t everywhere --json", folder).out)
    urls = [one["data"]["endpoints"][0]["url"] for one in status["data"].values()]
    assert len(set(urls)) == 2
    assert {one["data"]["model"]["aliases"]["champion"] for one in status["data"].values()} == {1}


def test_a_promotion_reaches_both_and_so_does_a_rollback(site: Site) -> None:
    shell, folder = site.shell, site.folder
    (folder / "train.py").write_text((folder / "train.py").read_text() + "\n# another model\n")
    (folder / "churn.csv").write_text(small_csv(rows=4100))
    assert shell.ok("train -t google --json", folder).data["version"] == 2
    shell.ok("promote -t everywhere --yes --no-gates --reason test", folder)
    shell.ok("deploy -t everywhere --yes", folder)
    assert served(site) == {"amazon": 2, "google": 2}
    history = shell.ok("models show -t amazon --json", folder).data
    assert history == shell.ok("models show -t google --json", folder).data
    shell.ok("rollback -t everywhere --reason worse", folder)
    assert served(site) == {"amazon": 1, "google": 1}


def test_a_cloud_that_is_down_stops_no_other(site: Site) -> None:
    shell, folder = site.shell, site.folder
    shell.ok("dev -t amazon --stop", folder)
    done = shell.run("deploy -t everywhere --version 2 --yes --json", folder)
    said = json.loads(done.out.splitlines()[-1])
    assert (done.code, said["ok"], said["data"]["amazon"]["error"]["code"]) == (7, False, "Unavailable")
    assert said["data"]["google"]["data"]["release"]["model_version"] == 2


def served(site: Site) -> dict[str, int]:
    """Which version each cloud says that it answers with."""
    found = {name: site.shell.ok(f"invoke --sample 1 -t {name} --json", site.folder).data for name in CLOUDS}
    return {name: one["version"] for name, one in found.items()}


def strip(prediction: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in prediction.items() if key != "id"}


def test_what_lies_where(site: Site) -> None:
    """State with its server, large blobs in the folder; and no key is the folder of another."""
    state = {meta.key: meta.size for meta in open_store(site.onprem).list()}
    large = {meta.key: meta.size for meta in open_artifacts(site.artifacts).list()}
    assert any(key.startswith("journal/registry/") for key in state)
    assert large
    assert all(key.startswith(BLOBS) and size >= LARGE for key, size in large.items())
    assert all(size < LARGE for key, size in state.items() if key.startswith(BLOBS))
    folders = {"/".join(key.split("/")[:depth]) for key in state for depth in range(1, key.count("/") + 1)}
    assert not folders & state.keys()
