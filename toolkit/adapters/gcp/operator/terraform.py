"""The things as a Terraform module: the same records in the words of the Google provider."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from toolkit.adapters.gcp.grants import BATCH_POWERS, Site, powers
from toolkit.adapters.gcp.names import ROLES, Names
from toolkit.adapters.gcp.operator.things import BATCH_APIS, Place, Thing, things
from toolkit.domain.hcl import Block, Call, Expression, text

PROVIDER = "~> 6.0"
NUMBER = "${data.google_project.current.number}"
AGENT = "${data.google_storage_project_service_account.current.email_address}"
PLACEHOLDERS = Site(
    stem="${var.stem}",
    project="${var.google_project}",
    number=NUMBER,
    region="${var.region}",
    bucket="${var.bucket}",
    prefix="${var.prefix}",
)
PLACE = Place(
    "${var.project}",
    "${var.target}",
    {"managed-by": "toolkit", "project": "${var.project}", "target": "${var.target}"},
    AGENT,
    "${var.pipeline}",
)
_NAME = "^[a-z][a-z0-9-]*$"
# name -> (pattern, what it is)
VARIABLES: dict[str, tuple[str, str]] = {
    "project": (_NAME, "name of the project in toolkit.toml"),
    "target": (_NAME, "name of the target in toolkit.toml"),
    "stem": (_NAME, "what every name begins with: project-target, as `toolkit export iam` shows it"),
    "google_project": ("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", "the Google Cloud project's id"),
    "region": (r"^[a-z]+-[a-z]+[0-9]+$", "where the bucket, functions and jobs are"),
    "bucket": ("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", "the bucket that is the database"),
    "prefix": ("^[A-Za-z0-9][A-Za-z0-9_./-]*$", "folder in the bucket: the project's name unless prefix is set"),
    "pipeline": ("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", "owner/name of the GitHub repository that deploys; empty: none"),
}
OUTPUTS = {
    "bucket": ("google_storage_bucket.bucket.name", "bucket = ... in [targets.<t>.gcp]"),
    "topic": ("google_pubsub_topic.alert_topic.id", "topics = [...] in [targets.<t>.gcp]"),
    "deployer": ("google_service_account.deployer_account.email", "whom to impersonate when deploying"),
    "repository": ("google_artifact_registry_repository.repository.id", "where toolkit image push puts the image"),
}
_EMPTY = frozenset({"pipeline"})
BATCH = Block(
    'variable "batch"',
    {
        "description": 'whether jobs may run by Batch: true where batch = "needed" or "always" in [targets.<t>.gcp]',
        "type": Expression("bool"),
        "default": False,
    },
)


def module(
    defaults: dict[str, str] | None = None, accounts: dict[str, str] | None = None, *, batch: bool = False
) -> dict[str, str]:
    """File name -> content. `defaults` are values of variables, `accounts` service accounts that are there already,
    `batch` whether jobs may run by Batch; without defaults, the module has a variable for that."""
    given = defaults or {}
    site = replace(PLACEHOLDERS, accounts=accounts or {}, batch=batch)
    if given and not given.get("prefix"):
        site = replace(site, prefix="")
    versions = Block(
        "terraform",
        {"required_version": ">= 1.5"},
        (Block("required_providers", {"google": {"source": "hashicorp/google", "version": PROVIDER}}),),
    )
    number = Block('data "google_project" "current"', {"project_id": _PROJECT})
    agent = Block('data "google_storage_project_service_account" "current"', {"project": _PROJECT})
    resources = _resources(site) if given else _switched(site)
    outputs = [
        Block(f'output "{name}"', {"description": words, "value": Expression(value)})
        for name, (value, words) in OUTPUTS.items()
        if not (name == "deployer" and "deployer" in site.accounts)
    ]
    wanted = [name for name in VARIABLES if name != "prefix" or site.prefix]
    return {
        "versions.tf": text(versions),
        "variables.tf": text(*(_variable(name, given.get(name, "")) for name in wanted), *([] if given else [BATCH])),
        "main.tf": "# Generated: see toolkit/adapters/gcp/operator.\n\n"
        + text(_locals(given.get("stem", "")), number, agent, *resources),
        "outputs.tf": text(*outputs),
    }


def _resources(site: Site) -> list[Block]:
    return [block for thing in things(site, PLACE) for block in _blocks(thing, site)]


def _switched(site: Site) -> list[Block]:
    """With `var.batch` to say whether what only Batch needs is there."""
    always = _resources(replace(site, batch=False))
    there = {block.head for block in always}
    more = [block for block in _resources(replace(site, batch=True)) if block.head not in there]
    apis = {"for_each": Call("toset", _IF_BATCH_APIS), "project": _PROJECT, "service": Expression("each.key")}
    own = Block('resource "google_project_service" "batch_apis"', {**apis, "disable_on_destroy": False})
    return [*always, own, *(replace(block, attributes=_counted(block.attributes)) for block in more)]


def _counted(attributes: dict[str, Any]) -> dict[str, Any]:
    """Of a block that is there once or not at all; so is a power that only Batch needs."""
    found = dict(attributes)
    if str(found.get("role", "")) in {f"google_project_iam_custom_role.{power}_power.id" for power in BATCH_POWERS}:
        found["role"] = Expression(found["role"].replace("_power.id", "_power[0].id"))
    return {"count": _IF_BATCH, **found}


def _variable(name: str, default: str) -> Block:
    pattern, words = VARIABLES[name]
    attributes: dict[str, Any] = {"description": words, "type": Expression("string")}
    if default or name in _EMPTY:
        attributes["default"] = default
    condition = Expression(f'can(regex("{pattern}", var.{name}))')
    checks = (Block("validation", {"condition": condition, "error_message": f"{name} is not valid."}),)
    return Block(f'variable "{name}"', attributes, checks)


def _locals(stem: str) -> Block:
    """Names that may have to be cut, which Terraform cannot do as we do: in full where the stem is known."""
    own = Names(stem or PLACEHOLDERS.stem)
    accounts = {role: own.account(role, "").partition("@")[0] for role in ROLES}
    return Block(
        "locals",
        {
            "accounts": accounts,
            "pool": own.pool,
            "roles": Expression('replace(var.stem, "-", "_")'),
            "topics": Expression('startswith(var.stem, "goog") ? "t-${var.stem}" : var.stem'),
        },
        notes=("service accounts have 30 characters, pools 32: with a longer stem, toolkit export infra cuts them",),
    )


def label(thing: str) -> str:
    """DriftCheckAccount -> drift_check_account."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", thing).lower()


def _blocks(thing: Thing, site: Site) -> list[Block]:
    if thing.kind.startswith("policy of "):
        return list(_members(thing, site))
    return [BLOCKS[thing.kind](thing)]


def _resource(thing: Thing, attributes: dict[str, Any], *blocks: Block) -> Block:
    notes = tuple(f"checkov:skip={check}:{reason}" for check, reason in thing.waivers.items())
    if thing.kind not in {"apis", "bucket"}:
        attributes = {**attributes, "depends_on": [Expression("google_project_service.apis")]}
    return Block(f'resource "{TYPES[thing.kind]}" "{label(thing.id)}"', attributes, blocks, notes)


def _apis(thing: Thing) -> Block:
    each = Call("toset", thing.body["serviceIds"])
    return _resource(
        thing,
        {"for_each": each, "project": _PROJECT, "service": Expression("each.key"), "disable_on_destroy": False},
    )


def _bucket(thing: Thing) -> Block:
    body = thing.body
    access = body["iamConfiguration"]
    rules = []
    for rule in body["lifecycle"]["rule"]:
        found = {_snake(key): value for key, value in rule["condition"].items()}
        rules.append(Block("lifecycle_rule", {}, (Block("action", rule["action"]), Block("condition", found))))
    return _resource(
        thing,
        {
            "project": _PROJECT, "name": Expression("var.bucket"), "location": Expression("var.region"),
            "labels": _labels(body), "uniform_bucket_level_access": access["uniformBucketLevelAccess"]["enabled"],
            "public_access_prevention": access["publicAccessPrevention"],
        },
        Block("versioning", {"enabled": body["versioning"]["enabled"]}),
        Block(
            "soft_delete_policy",
            {"retention_duration_seconds": int(body["softDeletePolicy"]["retentionDurationSeconds"])},
        ),
        *rules,
        Block("lifecycle", {"prevent_destroy": True}),
    )  # fmt: skip


def _account(thing: Thing) -> Block:
    role = label(thing.id).removesuffix("_account").replace("_", "-")
    return _resource(
        thing,
        {
            "project": _PROJECT, "account_id": Expression(f'local.accounts["{role}"]'),
            "display_name": thing.body["displayName"], "description": thing.body["description"],
        },
    )  # fmt: skip


def _power(thing: Thing) -> Block:
    name = thing.name.rpartition(".")[2]
    return _resource(
        thing,
        {
            "project": _PROJECT, "role_id": f"${{local.roles}}.{name}", "title": thing.body["title"],
            "description": thing.body["description"], "permissions": thing.body["includedPermissions"],
            "stage": thing.body["stage"],
        },
    )  # fmt: skip


def _repository(thing: Thing) -> Block:
    body = thing.body
    return _resource(
        thing,
        {
            "project": _PROJECT, "location": Expression("var.region"), "repository_id": thing.name.rpartition("/")[2],
            "format": body["format"], "description": body["description"], "labels": _labels(body),
        },
        Block("docker_config", {"immutable_tags": body["dockerConfig"]["immutableTags"]}),
    )  # fmt: skip


def _topic(thing: Thing) -> Block:
    name = thing.name.rpartition("/")[2].replace("${var.stem}", "${local.topics}")
    own = {"project": _PROJECT, "name": name, "labels": _labels(thing.body)}
    return _resource(thing, own)


def _queue(thing: Thing) -> Block:
    own = {"project": _PROJECT, "location": Expression("var.region"), "name": thing.name.rpartition("/")[2]}
    return _resource(thing, own)


def _pool(thing: Thing) -> Block:
    return _resource(
        thing,
        {
            "count": _IF_PIPELINE, "project": _PROJECT, "workload_identity_pool_id": Expression("local.pool"),
            "display_name": "toolkit", "description": thing.body["description"],
        },
    )  # fmt: skip


def _provider(thing: Thing) -> Block:
    body = thing.body
    return _resource(
        thing,
        {
            "count": _IF_PIPELINE, "project": _PROJECT,
            "workload_identity_pool_id": Expression(f"{_POOL}.workload_identity_pool_id"),
            "workload_identity_pool_provider_id": thing.name.rpartition("/")[2], "display_name": body["displayName"],
            "attribute_mapping": body["attributeMapping"], "attribute_condition": body["attributeCondition"],
        },
        Block("oidc", {"issuer_uri": body["oidc"]["issuerUri"]}),
    )  # fmt: skip


def _members(thing: Thing, site: Site) -> Iterator[Block]:
    """One resource for each member of each binding: what others bind is theirs."""
    on = thing.kind.removeprefix("policy of ")
    kind, place = _PLACES[on]
    whom = label(thing.id).removesuffix("_policy")
    known = {
        f"serviceAccount:{site.account(role)}": Expression(f"google_service_account.{_account_label(role)}.member")
        for role in ROLES
        if role not in site.accounts
    }
    owned = {f"projects/{site.project}/roles/{site.names.power(name)}": name for name in powers(site)}
    seen: dict[str, int] = {}
    for binding in thing.body["bindings"]:
        power = owned.get(binding["role"], "")
        role = Expression(f"google_project_iam_custom_role.{power}_power.id") if power else binding["role"]
        for member in binding["members"]:
            said = known.get(member, member)
            who = str(said).split(".")[1].removesuffix("_account") if member in known else _words(member)
            name = "_".join(filter(None, (whom, power or binding["role"].rpartition(".")[2].lower(), who)))
            seen[name] = seen.get(name, 0) + 1
            attributes = {**place(thing, whom, site), "role": role, "member": said}
            if member.startswith("principalSet:"):
                attributes = {"count": _IF_PIPELINE, **attributes, "member": PRINCIPALS}
            blocks = (Block("condition", dict(binding["condition"])),) if "condition" in binding else ()
            number = f"_{seen[name]}" if seen[name] > 1 else ""
            yield Block(f'resource "{kind}" "{name}{number}"', attributes, blocks)


def _words(member: str) -> str:
    return "storage_agent" if member == f"serviceAccount:{AGENT}" else "pipeline"


def _of_account(thing: Thing, whom: str, site: Site) -> dict[str, Any]:
    role = whom.removesuffix("_account").replace("_", "-")
    name = thing.name if role in site.accounts else Expression(f"google_service_account.{whom}.name")
    return {"service_account_id": name}


def _account_label(role: str) -> str:
    return f"{role.replace('-', '_')}_account"


_PROJECT = Expression("var.google_project")
_IF_PIPELINE = Expression('var.pipeline == "" ? 0 : 1')
_IF_BATCH = Expression("var.batch ? 1 : 0")
_IF_BATCH_APIS = Expression(f"var.batch ? {json.dumps([f'{api}.googleapis.com' for api in BATCH_APIS])} : []")
_POOL = "google_iam_workload_identity_pool.pool[0]"
PRINCIPALS = f"principalSet://iam.googleapis.com/${{{_POOL}.name}}/attribute.repository/${{var.pipeline}}"
_PLACES: dict[str, tuple[str, Callable[[Thing, str, Site], dict[str, Any]]]] = {
    "project": ("google_project_iam_member", lambda *_: {"project": _PROJECT}),
    "bucket": (
        "google_storage_bucket_iam_member", lambda *_: {"bucket": Expression("google_storage_bucket.bucket.name")},
    ),
    "repository": (
        "google_artifact_registry_repository_iam_member",
        lambda *_: {
            "project": _PROJECT, "location": Expression("var.region"),
            "repository": Expression("google_artifact_registry_repository.repository.name"),
        },
    ),
    "alerts": (
        "google_pubsub_topic_iam_member",
        lambda *_: {"project": _PROJECT, "topic": Expression("google_pubsub_topic.alert_topic.name")},
    ),
    "data": (
        "google_pubsub_topic_iam_member",
        lambda *_: {"project": _PROJECT, "topic": Expression("google_pubsub_topic.data_topic.name")},
    ),
    "account": ("google_service_account_iam_member", _of_account),
}  # fmt: skip
TYPES = {
    "apis": "google_project_service",
    "bucket": "google_storage_bucket",
    "account": "google_service_account",
    "role": "google_project_iam_custom_role",
    "repository": "google_artifact_registry_repository",
    "topic": "google_pubsub_topic",
    "queue": "google_cloud_tasks_queue",
    "pool": "google_iam_workload_identity_pool",
    "pool provider": "google_iam_workload_identity_pool_provider",
}
BLOCKS: dict[str, Callable[[Thing], Block]] = {
    "apis": _apis,
    "bucket": _bucket,
    "account": _account,
    "role": _power,
    "repository": _repository,
    "topic": _topic,
    "queue": _queue,
    "pool": _pool,
    "pool provider": _provider,
}


def _labels(body: dict[str, Any]) -> dict[str, Any]:
    return {key: Expression(value[2:-1]) if value.startswith("${") else value for key, value in body["labels"].items()}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
