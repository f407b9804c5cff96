"""What `toolkit doctor` finds out about a project: who asks, and whether what the ports need is there and usable.

Reads only. What the caller may not look at is said ("not checked") and is no failure: a deployer need not be able to
read everything that an operator made. Permissions are asked of IAM itself (testIamPermissions), on the project and on
the bucket; those that hold only for some folders of the bucket cannot be asked for, and doctor's own write shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from toolkit.adapters.gcp import client, grants
from toolkit.adapters.gcp.client import Api, decoded
from toolkit.adapters.gcp.errors import translated
from toolkit.adapters.gcp.grants import BUCKET, PROJECT, Site, powers
from toolkit.adapters.gcp.storage_api import StorageApi
from toolkit.domain.errors import NotFound, PermissionDenied, ToolkitError, Unauthenticated
from toolkit.ports.checks import Asked, Check

SKEW_SECONDS = 240  # Google takes no token that was signed five minutes or more beside its own clock
LOGIN = "gcloud auth application-default login"
CLOCK = "sudo timedatectl set-ntp true"
NEEDS = {
    "functions": ("run", "cloudtasks", "iamcredentials", "logging"), "jobs": ("run", "logging"),
    "schedules": ("cloudscheduler", "run"), "watches": ("pubsub",), "alerts": ("pubsub",),
    "secrets": ("secretmanager",), "metrics": ("logging", "monitoring"), "store": ("storage",),
}  # fmt: skip
BATCH = ("batch", "compute")
ACCOUNTS = {
    "functions": ("inference", "drift-check", "scheduler"), "jobs": ("job", "retrain"), "schedules": ("scheduler",),
}  # fmt: skip
HELD = frozenset({"storage.buckets.get", "storage.objects.list"})  # of the bucket, whatever the folder


def check(asked: Asked) -> Iterator[Check]:
    """Every check of the ports asked for, in the order in which they build on each other."""
    look = Look(asked)
    yield from look.place()
    yield from look.identity()
    if not look.settings["project"]:
        return
    if asked.ports & {"store"}:
        yield from look.bucket()
    yield look.apis()
    yield look.accounts()
    yield look.permissions()


class Look:
    def __init__(self, asked: Asked) -> None:
        self.settings = asked.settings
        self._ports = asked.ports
        self._table = f"[targets.{asked.target}.gcp]"
        self._bootstrap = f"toolkit bootstrap -t {asked.target}"
        self._project = f"projects/{asked.settings['project']}"
        self._batch = asked.settings["batch"] != "never"
        self.who = ""

    def place(self) -> Iterator[Check]:
        for name, example in {"project": "my-project", "region": "europe-west1"}.items():
            value = self.settings[name]
            yield Check(f"gcp {name}", bool(value), value or "none is set", f'{name} = "{example}" in {self._table}')

    def identity(self) -> Iterator[Check]:
        """Unauthenticated where there is nobody; then nothing else makes sense."""
        try:
            answer = self._asked_who()
        except Unauthenticated as error:
            if "timeframe" in error.message:  # the token that was signed here is not of Google's present
                yield Check("gcp clock", False, "Google says that this machine's clock is wrong", CLOCK)
            raise
        self.who = self.who or str(decoded(answer).get("email", "")) if answer.ok else self.who
        yield Check("gcp identity", True, self.who or "credentials are taken; whose they are Google does not say")
        yield self._clock(answer.headers.get("Date", ""))

    def _asked_who(self) -> Any:
        """The reply; 401 and 403 where the credentials are good and their scopes do not tell."""
        endpoint = self.settings["services_endpoint"]
        base = f"{endpoint}/www.googleapis.com" if endpoint else "https://www.googleapis.com"
        with translated("ask who is calling", service="oauth2.googleapis.com"):
            session = client.session(endpoint)
            answer = session.get(f"{base}/oauth2/v3/userinfo", timeout=client.SECONDS)
            own = str(getattr(session.credentials, "service_account_email", "") or "")
            self.who = own if "@" in own else ""
            if answer.status_code == 401 and not self.who:
                decoded(answer)
        return answer

    def _clock(self, said: str) -> Check:
        skew = (datetime.now(UTC) - parsedate_to_datetime(said)).total_seconds() if said else 0.0
        words = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Google"
        return Check("gcp clock", abs(skew) < SKEW_SECONDS, words, CLOCK)

    # The bucket

    def bucket(self) -> Iterator[Check]:
        bucket = self.settings["bucket"]
        if not bucket:
            yield Check("gcp bucket", False, "none is set", f'bucket = "..." in {self._table}; {self._bootstrap}')
            return
        try:
            found = StorageApi(self.settings["endpoint"]).get(f"look at bucket {bucket}", f"b/{quote(bucket)}")
        except NotFound:
            hint = f"{self._bootstrap} makes it; or correct bucket in {self._table}"
            yield Check("gcp bucket", False, f"there is no bucket {bucket}", hint)
            return
        except PermissionDenied as error:
            yield Check("gcp bucket", True, f"not checked: {error.message}")
            return
        lies, region = str(found.get("location", "")).lower(), self.settings["region"]
        near = lies == region or (found.get("locationType") != "region" and region.startswith(lies))
        hint = f'region = "{lies}" in {self._table}, or a bucket where functions and jobs run'
        yield Check("gcp bucket", near, f"{bucket} in {lies}", "" if near else hint)
        on = bool(found.get("versioning", {}).get("enabled"))
        said = "versions are kept" if on else "versions are not kept"
        yield Check("gcp bucket versions", on, said, "" if on else self._bootstrap)
        yield self._private(found)

    def _private(self, found: dict[str, Any]) -> Check:
        access = found.get("iamConfiguration", {})
        missing = []
        if access.get("publicAccessPrevention") != "enforced":
            missing.append("public access is not prevented")
        if not access.get("uniformBucketLevelAccess", {}).get("enabled"):
            missing.append("objects may have rules of their own")
        said = ", ".join(missing) or "public access is prevented"
        return Check("gcp bucket private", not missing, said, self._bootstrap if missing else "")

    # The project

    def apis(self) -> Check:
        needs = {**NEEDS, "jobs": (*NEEDS["jobs"], *BATCH)} if self._batch else NEEDS
        wanted = sorted({f"{api}.googleapis.com" for port in self._ports for api in needs.get(port, ())})
        hint = f"gcloud services enable {{}} --project {self.settings['project']}"

        def ask() -> tuple[bool, str, str]:
            names = [f"{self._project}/services/{one}" for one in wanted]
            api = self._api("serviceusage", "v1")
            found = api.get("see which APIs are enabled", f"{self._project}/services:batchGet", names=names)
            on = {one["name"].rpartition("/")[2] for one in found["services"] if one.get("state") == "ENABLED"}
            off = [one for one in wanted if one not in on]
            said = f"not enabled: {', '.join(off)}" if off else f"{len(wanted)} that are needed are enabled"
            return not off, said, hint.format(" ".join(off))

        return self._asks("gcp APIs", ask)

    def accounts(self) -> Check:
        site = self._site()
        wanted = sorted({role for port in self._ports for role in ACCOUNTS.get(port, ())})

        def ask() -> tuple[bool, str, str]:
            missing, api = [], self._api("iam", "v1")
            for account in map(site.account, wanted):
                try:
                    api.get(f"look at account {account}", f"{self._project}/serviceAccounts/{account}")
                except NotFound:
                    missing.append(account)
            return not missing, f"there is no {', '.join(missing)}" if missing else "there", self._bootstrap

        return self._asks("gcp accounts", ask)

    def permissions(self) -> Check:
        def ask() -> tuple[bool, str, str]:
            denied = [*self._denied_by_project(), *self._denied_by_bucket()]
            said = f"missing: {', '.join(sorted(denied))}" if denied else "all that the command line needs"
            return not denied, said, "toolkit export iam --role deployer prints what is granted to whom"

        return self._asks("gcp permissions", ask)

    def _denied_by_project(self) -> set[str]:
        site = self._site()
        known, given = powers(site), grants.roles(site)["deployer"]
        wanted = {one for grant in given if grant.on == PROJECT for one in known[grant.power].permissions}
        body = {"permissions": sorted(wanted)}
        api = self._api("cloudresourcemanager", "v3")
        found = api.call("ask what the caller may do", "POST", f"{self._project}:testIamPermissions", body)
        return wanted - set(found.get("permissions", ()))

    def _denied_by_bucket(self) -> set[str]:
        if "store" not in self._ports or not self.settings["bucket"]:
            return set()
        site = self._site()
        known, given = powers(site), grants.roles(site)["deployer"]
        wanted = HELD & {one for grant in given if grant.on == BUCKET for one in known[grant.power].permissions}
        path = f"b/{quote(self.settings['bucket'])}/iam/testPermissions"
        storage = StorageApi(self.settings["endpoint"])
        found = storage.get("ask what the caller may do", path, permissions=sorted(wanted))
        return set(wanted) - set(found.get("permissions", ()))

    def _site(self) -> Site:
        fields = {name: self.settings[name] for name in ("stem", "project", "region", "bucket", "prefix", "accounts")}
        return Site(**fields, number="0", batch=self._batch)

    def _api(self, host: str, version: str) -> Api:
        return Api(f"{host}.googleapis.com", version, self.settings["services_endpoint"])

    def _asks(self, name: str, question: Callable[[], tuple[bool, str, str]]) -> Check:
        """What cannot be asked is no failure of what was asked about."""
        try:
            ok, said, hint = question()
        except ToolkitError as error:
            return Check(name, True, f"not checked: {error.message}")
        return Check(name, ok, said, "" if ok else hint)
