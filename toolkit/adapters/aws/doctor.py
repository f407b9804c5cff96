"""What `toolkit doctor` finds out about an account: who asks, and whether what the ports need is there and usable.

Reads only. What the caller may not look at is said ("not checked") and is no failure: a deployer need not be able to
read everything that an operator made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from toolkit.adapters.aws import grants
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.errors import code, translated
from toolkit.adapters.aws.job_request import queues
from toolkit.adapters.aws.jobs import image_tag
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.policies import Site
from toolkit.domain.errors import NotFound, PermissionDenied, ProviderError, ToolkitError
from toolkit.ports.checks import Asked, Check

SKEW_SECONDS = 240  # AWS refuses what is signed five minutes or more beside its own clock
CONCURRENCY = 50  # functions at a time; a new account has 10, and shares them among everything
_BUCKET_PORTS, _JOB_PORTS = frozenset({"store"}), frozenset({"jobs"})


def check(asked: Asked) -> Iterator[Check]:
    """Every check of the ports asked for, in the order in which they build on each other."""
    look = Look(asked)
    yield from look.identity()
    yield look.clock()
    if asked.ports & _BUCKET_PORTS:
        yield from look.bucket()
    if asked.ports & _JOB_PORTS:
        yield from look.jobs()
    if "functions" in asked.ports:
        yield look.roles("inference", "drift-check")
        yield look.concurrency()
    yield look.permissions()


class Look:
    def __init__(self, asked: Asked) -> None:
        self._settings = asked.settings
        self._own = Names(asked.settings["stem"])
        self._bootstrap = f"toolkit bootstrap -t {asked.target}"
        self.who: dict[str, Any] = {}

    def identity(self) -> Iterator[Check]:
        service = self._client("sts")
        with translated("ask who is calling", service.meta.region_name):
            self.who = service.get_caller_identity()
        yield Check("aws region", True, service.meta.region_name)
        yield Check("aws identity", True, self.who["Arn"])

    def clock(self) -> Check:
        said = self.who["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        skew = (datetime.now(UTC) - parsedate_to_datetime(said)).total_seconds() if said else 0.0
        words = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} AWS"
        return _found("aws clock", abs(skew) < SKEW_SECONDS, words, "sudo timedatectl set-ntp true")

    # The bucket

    def bucket(self) -> Iterator[Check]:
        bucket, region = self._settings["bucket"], self._region
        if not bucket:
            yield Check("aws bucket", False, "none is set", f'bucket = "..." in the target\'s table; {self._bootstrap}')
            return
        s3 = client("s3", self._settings["region"], self._settings["endpoint"])
        owned = {"Bucket": bucket} if self._settings["endpoint"] else {
            "Bucket": bucket, "ExpectedBucketOwner": self.who["Account"]}  # fmt: skip
        try:
            with translated(f"look at bucket {bucket}", region, bucket=bucket):
                found = s3.head_bucket(**owned)
        except ToolkitError as error:
            yield Check("aws bucket", False, _bucket_words(bucket, error), _bucket_hint(bucket, error, self._bootstrap))
            return
        lies = found["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region") or region
        hint = f'region = "{lies}" in [targets.<t>.aws]'
        yield _found("aws bucket", lies == region, f"{bucket} in {lies}", hint)
        yield self._asks("aws bucket versions", lambda: self._versioned(s3, bucket))
        yield self._asks("aws bucket private", lambda: self._private(s3, bucket))

    def _versioned(self, s3: Any, bucket: str) -> tuple[bool, str]:
        with translated(f"read the versioning of {bucket}"):
            state = s3.get_bucket_versioning(Bucket=bucket).get("Status", "never on")
        return state == "Enabled", f"versioning is {state.lower()}"

    def _private(self, s3: Any, bucket: str) -> tuple[bool, str]:
        try:
            with translated(f"read the public access block of {bucket}"):
                block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        except NotFound:
            return False, "public access is not blocked"
        missing = sorted(name for name, on in block.items() if not on)
        return (
            not missing,
            f"public access is not blocked: {', '.join(missing)}" if missing else "public access is blocked",
        )

    # Jobs

    def jobs(self) -> Iterator[Check]:
        for name in queues(self._settings):
            yield self._asks(f"aws queue {name}", lambda name=name: self._queue(name))  # type: ignore[misc]  # bound now
        yield self.roles("job", "start")
        yield self._asks("aws job log", self._log_group)
        if not self._settings["image"]:
            yield self._asks("aws job image", self._image, hint="toolkit image build --kind job; toolkit image push")

    def _queue(self, name: str) -> tuple[bool, str]:
        batch = self._client("batch")
        with translated(f"look at queue {name}"):
            found = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
            if not found:
                return False, "there is none"
            places = [one["computeEnvironment"] for one in found[0]["computeEnvironmentOrder"]]
            machines = batch.describe_compute_environments(computeEnvironments=places)["computeEnvironments"]
        states = [
            found[0]["state"],
            found[0]["status"],
            *(f"{m['state']} {m.get('status', 'VALID')}" for m in machines),
        ]
        usable = states[:2] == ["ENABLED", "VALID"] and any(state == "ENABLED VALID" for state in states[2:])
        return usable, "enabled" if usable else f"queue {states[0]} {states[1]}, machines {', '.join(states[2:])}"

    def _log_group(self) -> tuple[bool, str]:
        with translated("look for the log group"):
            found = self._client("logs").describe_log_groups(logGroupNamePrefix=self._own.job_group)["logGroups"]
        there = any(one["logGroupName"] == self._own.job_group for one in found)
        return there, self._own.job_group if there else f"there is no {self._own.job_group}"

    def _image(self) -> tuple[bool, str]:
        name = f"{self._own.repository}:{image_tag()}"
        asked = {"repositoryName": self._own.repository, "imageIds": [{"imageTag": image_tag()}]}
        try:
            with translated("look for the image"):
                self._client("ecr").describe_images(**asked)
        except ProviderError as error:
            if code(error) in {"RepositoryNotFoundException", "ImageNotFoundException"}:
                return False, f"there is no {name}"
            raise
        return True, name

    # Roles, quotas, permissions

    def roles(self, *roles: str) -> Check:
        return self._asks(f"aws roles of {' and '.join(roles)}", lambda: self._roles(roles))

    def _roles(self, roles: tuple[str, ...]) -> tuple[bool, str]:
        iam, missing = self._client("iam"), []
        for name in map(self._own.role, roles):
            try:
                with translated(f"look at role {name}"):
                    iam.get_role(RoleName=name)
            except NotFound:
                missing.append(name)
        return not missing, f"there is no {', '.join(missing)}" if missing else "there"

    def concurrency(self) -> Check:
        hint = "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 ..."
        return self._asks("aws concurrency", self._concurrency, hint=hint)

    def _concurrency(self) -> tuple[bool, str]:
        with translated("read the quotas of Lambda"):
            limit = self._client("lambda").get_account_settings()["AccountLimit"]
        free = int(limit["UnreservedConcurrentExecutions"])
        return free >= CONCURRENCY, f"{free} functions at a time"

    def permissions(self) -> Check:
        return self._asks("aws permissions", self._permissions, hint="toolkit export iam prints the policy")

    def _permissions(self) -> tuple[bool, str]:
        """What the command line needs, asked of IAM's own simulator."""
        denied: list[str] = []
        with translated("ask what the caller may do"):
            for one in grants.deployer(self.site()):
                found = self._client("iam").simulate_principal_policy(
                    PolicySourceArn=_principal(self.who["Arn"]),
                    ActionNames=[*one.actions],
                    ResourceArns=[*one.resources],
                    ContextEntries=_context(one.conditions),
                )
                denied += [
                    one["EvalActionName"] for one in found["EvaluationResults"] if one["EvalDecision"] != "allowed"
                ]
        missing = ", ".join(sorted(set(denied)))
        return not denied, f"missing: {missing}" if denied else "all that the command line needs"

    def site(self) -> Site:
        settings = self._settings
        fields = {name: settings[name] for name in ("stem", "bucket", "prefix", "secrets", "namespace")}
        plain = bool(settings["parameters"])
        return Site(**fields, account=self.who["Account"], region=self._region, parameters=plain)

    @property
    def _region(self) -> str:
        return str(self._client("sts").meta.region_name)

    def _asks(self, name: str, question: Callable[[], tuple[bool, str]], *, hint: str = "") -> Check:
        """What cannot be asked is no failure of what was asked about."""
        try:
            ok, said = question()
        except PermissionDenied as error:
            return Check(name, True, f"not checked: {error.hint or error.message}")
        except ToolkitError as error:
            return Check(name, True, f"not checked: {error.message}")
        return _found(name, ok, said, hint or self._bootstrap)

    def _client(self, service: str) -> Any:
        return client(service, self._settings["region"], self._settings["services_endpoint"])


def _found(name: str, ok: bool, said: str, hint: str) -> Check:
    """With a hint only where there is something to type."""
    return Check(name, ok, said, "" if ok else hint)


def _context(conditions: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """What a statement asks of a request, as it will be."""
    given = {
        key: value
        for operator, facts in conditions.items()
        if operator == "StringEquals"
        for key, value in facts.items()
    }
    return [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"} for key, value in given.items()
    ]


def _principal(arn: str) -> str:
    """The role behind a session, which is what has policies."""
    if ":assumed-role/" not in arn:
        return arn
    account, role = arn.split(":")[4], arn.split("/")[1]
    return f"arn:{arn.split(':')[1]}:iam::{account}:role/{role}"


def _bucket_words(bucket: str, error: ToolkitError) -> str:
    if code(error) in {"404", "NoSuchBucket"}:
        return f"there is no bucket {bucket}"
    if code(error) in {"403", "AccessDenied"}:
        return f"{bucket} is another account's, or you may not see it"
    if code(error) in {"301", "PermanentRedirect"}:
        return f"{bucket} is in another region"
    return error.message


def _bucket_hint(bucket: str, error: ToolkitError, bootstrap: str) -> str:
    if code(error) in {"301", "PermanentRedirect"}:
        return f"aws s3api get-bucket-location --bucket {bucket}; then set region in [targets.<t>.aws]"
    return f"{bootstrap} makes it; or correct bucket in [targets.<t>.aws]"
