"""The operator's half by REST: read everything, compare it with `things`, make what is missing.

Nothing is ever deleted, and a thing that carries another target's tags is not touched: its name is taken.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from toolkit.adapters.azure import grants
from toolkit.adapters.azure.client import Arm
from toolkit.adapters.azure.names import Names
from toolkit.adapters.azure.operator import template
from toolkit.adapters.azure.operator.things import Known, Place, Thing, things
from toolkit.domain import digest
from toolkit.domain.errors import ConfigError, NotFound, PlanError
from toolkit.domain.plan import Action, Plan
from toolkit.ports import Settings
from toolkit.ports.operator import Operator

SECRET = frozenset({"sharedKey"})  # what Azure takes and never shows
UNKNOWN = "(known once it is made)"
Body = dict[str, Any]


def open_operator(settings: Settings, tags: dict[str, str]) -> Operator:
    """`tags` say project and target."""
    return AzureOperator(settings, tags)


class AzureOperator:
    def __init__(self, settings: Settings, tags: dict[str, str]) -> None:
        self._settings, self._tags = settings, tags

    def plan(self) -> Plan:
        examples = {"subscription": "...", "location": "westeurope", "tenant": "..."}
        for name, example in examples.items():
            if not self._settings[name]:
                target = self._tags["target"]
                hint = f'{name} = "{example}" in [targets.{target}.azure]; az account show tells it'
                raise ConfigError(f"no {name} is set for target {target}", hint=hint)
        return Plan(target=self._tags["target"], actions=tuple(self._action(thing) for thing in self._things.values()))

    def carry_out(self, action: Action) -> None:
        thing = next(one for one in self._things.values() if (one.kind, one.name) == (action.kind, action.name))
        seen = self._read(thing)
        wanted = self._resolved(thing.body)
        if seen is None or differing(wanted, seen):
            # What a PUT does not name, Azure takes away: tags of others stay.
            tags = {**(seen or {}).get("tags", {}), **wanted["tags"]} if "tags" in wanted else None
            body = {**wanted, **({"tags": tags} if tags else {})}
            self._arm.change(f"make {thing.kind} {thing.name}", "PUT", self._path(thing), thing.version, body)

    def policies(self) -> dict[str, dict[str, Any]]:
        """Offline: role definitions and conditions, by role."""
        prefix, every = self._settings["prefix"], grants.roles(self._settings["functions"])

        def shown(grant: grants.Grant) -> dict[str, Any]:
            power = grants.POWERS[grant.power]
            found = {"on": grant.on, "actions": [*power.actions], "dataActions": [*power.data], "why": grant.why}
            said = grants.condition(grant, prefix)
            return {**found, **({"condition": said} if said else {})}

        return {role: {"grants": [shown(one) for one in given]} for role, given in every.items()}

    def templates(self) -> dict[str, str]:
        return template.files(self._place)

    def next(self) -> tuple[str, ...]:
        table = f"[targets.{self._tags['target']}.azure]"
        found = {
            "topics": self._made("Topic", "properties.endpoint"),
            "workspace": self._made("Workspace", "properties.customerId"),
            "ingestion": self._made("Rule", "properties.endpoints.logsIngestion"),
            "rule": self._made("Rule", "properties.immutableId"),
        }
        lines = [
            f"{name} = {f'[{value!r}]' if name == 'topics' else repr(value)}".replace("'", '"') + f" in {table}"
            for name, value in found.items()
            if value and not self._settings[name]
        ]
        deployer = f'deployer = "..." in {table}: the object id of who deploys; bootstrap again grants what it needs'
        return (*lines, *(() if self._settings["deployer"] else (deployer,)), "toolkit image push, then toolkit deploy")

    def _action(self, thing: Thing) -> Action:
        seen = self._read(thing)
        verb, why = "create", "there is none yet"
        if seen is not None:
            self._require_ours(thing, seen)
            wrong = differing(self._resolved(thing.body), seen)
            verb, why = ("update", f"differs: {', '.join(wrong)}") if wrong else ("keep", "as it should be")
        identity = digest.of_value([thing.kind, thing.name, verb, str(thing.body)])[:16]
        return Action(id=identity, kind=thing.kind, name=thing.name, action=verb, why=why)  # type: ignore[arg-type]

    def _require_ours(self, thing: Thing, seen: Body) -> None:
        found, wanted = seen.get("tags") or {}, self._place.tags
        if found.get("managed-by") == "toolkit" and any(found.get(key) != wanted[key] for key in wanted):
            owner = f"project {found.get('project')!r}, target {found.get('target')!r}"
            raise PlanError(
                f"{thing.kind} {thing.name} belongs to {owner}",
                hint='set another resource_group = "..." and stem in the target\'s table, or rename the target',
            )

    def _read(self, thing: Thing) -> Body | None:
        try:
            return self._arm.get(f"look at {thing.kind} {thing.name}", self._path(thing), thing.version)
        except NotFound:
            return None
        except ConfigError as error:
            if "ResourceGroupNotFound" in error.message:
                return None
            raise

    def _path(self, thing: Thing) -> str:
        """The resource's id."""
        if thing.id == "Group":
            return self._arm.group
        kinds, names = thing.kind.split("/"), thing.name.split("/")
        inner = "".join(f"/{kind}/{name}" for kind, name in zip(kinds[1:], names, strict=True))
        if thing.kind == "Microsoft.Authorization/roleDefinitions":
            above = f"/subscriptions/{self._place.subscription}"
        else:
            above = self._path(self._things[thing.scope]) if thing.scope else self._arm.group
        return f"{above}/providers/{kinds[0]}{inner}"

    def _resolved(self, body: Any) -> Any:
        """With what is known only once something else is made; UNKNOWN where it is not yet."""
        if isinstance(body, Known):
            return self._known(body)
        if isinstance(body, dict):
            return {key: self._resolved(value) for key, value in body.items()}
        return [self._resolved(value) for value in body] if isinstance(body, list) else body

    def _known(self, known: Known) -> Any:
        thing = self._things[known.id]
        if known.path == "id":
            return self._path(thing)
        if known.action:
            path = f"{self._path(thing)}/{known.action}"
            try:
                found: Any = self._arm.call(f"ask {thing.name}", "POST", path, thing.version).body
            except NotFound:
                return UNKNOWN
            return found[known.path]
        return self._made(known.id, known.path) or UNKNOWN

    def _made(self, id_: str, path: str) -> str:
        """A value of what is there, "" where it is not."""
        if id_ not in self._seen:
            seen = self._read(self._things[id_])
            if seen is None:
                return ""
            self._seen[id_] = seen
        found: Any = self._seen[id_]
        for step in path.split("."):
            found = (found or {}).get(step)
        return str(found or "")

    @cached_property
    def _seen(self) -> dict[str, Body]:
        return {}

    @cached_property
    def _things(self) -> dict[str, Thing]:
        return {thing.id: thing for thing in things(self._place)}

    @cached_property
    def _arm(self) -> Arm:
        return Arm(self._settings)

    @cached_property
    def _place(self) -> Place:
        given = self._settings
        return Place(
            project=self._tags["project"], target=self._tags["target"], stem=given["stem"],
            subscription=given["subscription"], group=given["resource_group"], location=given["location"],
            account=given["account"], container=given["container"], prefix=given["prefix"], vault=given["vault"],
            registry=Names(given["stem"], given["subscription"]).registry, tenant=given["tenant"],
            functions=given["functions"],
            deployer=given["deployer"],
        )  # fmt: skip


def differing(wanted: Body, seen: Body) -> tuple[str, ...]:
    """Names of the fields that are not as they should be; what we do not name is other people's business."""
    return tuple(key for key, value in wanted.items() if not _holds(value, seen.get(key), key))


def _holds(wanted: Any, seen: Any, key: str) -> bool:
    if key in SECRET:
        return True
    if isinstance(wanted, dict):
        return isinstance(seen, dict) and all(_holds(value, seen.get(name), name) for name, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(seen, list)
            and len(seen) == len(wanted)
            and all(_holds(one, other, "") for one, other in zip(wanted, seen, strict=True))
        )
    return bool(wanted == seen)
