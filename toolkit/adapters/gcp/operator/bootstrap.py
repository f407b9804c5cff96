"""The operator's half by REST: read everything, compare it with `things`, make what is missing.

Nothing is ever deleted, and a thing that carries another target's mark is not touched: its name is taken.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import stamina

from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.grants import Site, condition, powers, roles
from toolkit.adapters.gcp.names import labels
from toolkit.adapters.gcp.operator import terraform
from toolkit.adapters.gcp.operator.makers import Body, Maker, makers
from toolkit.adapters.gcp.operator.things import Place, Thing, things
from toolkit.adapters.gcp.storage_api import StorageApi
from toolkit.domain import digest, names
from toolkit.domain.errors import ConfigError, PlanError
from toolkit.domain.plan import Action, Plan
from toolkit.ports import Settings
from toolkit.ports.operator import Operator

ENABLED_SECONDS = 120.0
UNKNOWN = "0"  # the project's number, where nobody can be asked
_MARK = re.compile(r"toolkit: project (\S+), target ([^\s)]+)")


def open_operator(settings: Settings, tags: dict[str, str]) -> Operator:
    """`tags` say project and target."""
    return GcpOperator(settings, tags)


class GcpOperator:
    def __init__(self, settings: Settings, tags: dict[str, str]) -> None:
        self._settings, self._tags = settings, tags

    def plan(self) -> Plan:
        for name, example in {"project": "my-project", "region": "europe-west1"}.items():
            self._require(name, example)
        self._require("bucket", names.resource(self._settings["stem"], self._settings["project"]))
        return Plan(target=self._tags["target"], actions=tuple(self._action(thing) for thing in self._things))

    def carry_out(self, action: Action) -> None:
        """Patient where an API was enabled just now: that takes Google a while."""
        thing = next(thing for thing in self._things if (thing.kind, thing.name) == (action.kind, action.name))
        stamina.RetryingCaller(attempts=20, timeout=ENABLED_SECONDS, wait_initial=0.5, wait_max=10.0).on(_off)(
            self._make, thing
        )

    def _make(self, thing: Thing) -> None:
        maker = self._makers[thing.kind]
        seen = maker.read(thing)
        if seen is None:
            maker.create(thing)
        elif differing(thing, seen):
            maker.update(thing, seen)

    def policies(self) -> dict[str, dict[str, Any]]:
        """Needs no account: only conditions on secrets hold the project's number, which is left out then."""
        site = self._site(UNKNOWN)
        return {role: self._policy(site, role) for role in roles(site)}

    def templates(self) -> dict[str, str]:
        known = {
            "project": self._tags["project"], "target": self._tags["target"], "stem": self._settings["stem"],
            "google_project": self._settings["project"], "region": self._settings["region"],
            "bucket": self._settings["bucket"], "prefix": self._settings["prefix"],
            "pipeline": self._settings["pipeline"],
        }  # fmt: skip
        found = terraform.module(known, self._settings["accounts"], batch=self._settings["batch"] != "never")
        return {f"terraform/{name}": text for name, text in found.items()}

    def next(self) -> tuple[str, ...]:
        site, table = self._site(UNKNOWN), f"[targets.{self._tags['target']}.gcp]"
        topic = f"projects/{site.project}/topics/{site.names.topic}"
        deployer = site.account("deployer")
        told = () if topic in self._settings["topics"] else (f'topics = ["{topic}"] in {table}',)
        return (
            *told,
            f"gcloud auth application-default login --impersonate-service-account={deployer}",
            "toolkit image push, then toolkit deploy",
        )

    def _require(self, name: str, example: str) -> None:
        if not self._settings[name]:
            target = self._tags["target"]
            raise ConfigError(
                f"no {name} is set for target {target}", hint=f'{name} = "{example}" in [targets.{target}.gcp]'
            )

    def _policy(self, site: Site, role: str) -> dict[str, Any]:
        def shown(grant: Any) -> dict[str, Any]:
            found = {
                "on": f"account of {grant.whom}" if grant.whom else grant.on,
                "role": f"projects/{site.project}/roles/{site.names.power(grant.power)}",
                "includedPermissions": sorted(powers(site)[grant.power].permissions),
                "why": grant.why,
            }
            held = condition(grant, site)
            return {**found, **({"condition": held} if held else {})}

        return {"member": f"serviceAccount:{site.account(role)}", "grants": [shown(one) for one in roles(site)[role]]}

    def _action(self, thing: Thing) -> Action:
        seen = self._seen(thing)
        verb, why = "create", "there is none yet"
        if seen is not None:
            self._require_ours(thing, seen)
            wrong = differing(thing, seen)
            verb, why = ("update", f"differs: {', '.join(wrong)}") if wrong else ("keep", "as it should be")
        identity = digest.of_value([thing.kind, thing.name, verb, thing.body])[:16]
        return Action(id=identity, kind=thing.kind, name=thing.name, action=verb, why=why)  # type: ignore[arg-type]

    def _seen(self, thing: Thing) -> Body | None:
        """Of an API that is not enabled yet there is nothing."""
        try:
            return self._makers[thing.kind].read(thing)
        except ConfigError as error:
            if thing.kind != "apis" and _off(error):
                return None
            raise

    def _require_ours(self, thing: Thing, seen: Body) -> None:
        wanted, found = self._place.labels, seen.get("labels", {})
        marked = _MARK.search(seen.get("description", "")) if isinstance(seen.get("description"), str) else None
        if found.get("managed-by") == "toolkit" and any(found.get(k) != wanted[k] for k in ("project", "target")):
            owner = f"project {found.get('project')!r}, target {found.get('target')!r}"
        elif marked and marked.groups() != (self._tags["project"], self._tags["target"]):
            owner = f"project {marked[1]!r}, target {marked[2]!r}"
        else:
            return
        raise PlanError(
            f"{thing.kind} {thing.name} belongs to {owner}",
            hint='set another stem = "..." (and bucket) in the target\'s table, or rename the target',
        )

    @cached_property
    def _things(self) -> tuple[Thing, ...]:
        return things(self._site(self._number), self._place)

    def _site(self, number: str) -> Site:
        settings = self._settings
        return Site(
            stem=settings["stem"], project=settings["project"] or "PROJECT", number=number,
            region=settings["region"], bucket=settings["bucket"], prefix=settings["prefix"],
            accounts=settings["accounts"], batch=settings["batch"] != "never",
        )  # fmt: skip

    @cached_property
    def _number(self) -> str:
        api = Api("cloudresourcemanager.googleapis.com", "v3", self._settings["services_endpoint"])
        project = f"projects/{self._settings['project']}"
        return str(api.get(f"look at {project}", project)["name"]).rpartition("/")[2]

    @cached_property
    def _place(self) -> Place:
        found = StorageApi(self._settings["endpoint"]).get(
            "ask as whom Cloud Storage publishes", f"projects/{self._settings['project']}/serviceAccount"
        )
        return Place(
            self._tags["project"], self._tags["target"], labels(self._tags), str(found["email_address"]),
            self._settings["pipeline"],
        )  # fmt: skip

    @cached_property
    def _makers(self) -> dict[str, Maker]:
        site = self._site(UNKNOWN)
        return makers(self._settings, f"projects/{site.project}/roles/{site.names.power('')}")


def differing(thing: Thing, seen: Body) -> tuple[str, ...]:
    """Names of the fields that are not as they should be; labels beyond ours are other people's business."""
    return tuple(key for key, value in thing.body.items() if seen.get(key) != value)


def _off(error: Exception) -> bool:
    """It was refused because an API is not enabled (`errors.SPOKEN`)."""
    return isinstance(error, ConfigError) and error.hint.startswith("gcloud services enable")
