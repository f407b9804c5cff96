"""The things as an ARM template and as a Terraform module (azapi: the same bodies, in the words of the same REST APIs).
checkov reads the template; of azapi it knows nothing, so what it would waive stands there only.

Both are written from a place whose fields are markers, `<stem>`; each renders a marker as its own parameter. The ids of
roles and assignments are GUIDs that both work out from the group and the stem.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from toolkit.adapters.azure.operator.things import Known, Place, Thing, things
from toolkit.domain.hcl import Block, Expression, text

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
AZAPI = "~> 2.0"
_MARKER = re.compile(r"<(guid:)?([a-z_/-]+)>")
# name -> what it is
PARAMETERS = {
    "project": "name of the project in toolkit.toml",
    "target": "name of the target in toolkit.toml",
    "stem": "what every name begins with: project-target, as `toolkit export iam` shows it",
    "subscription": "the id of the subscription",
    "group": "the resource group that everything is in",
    "location": "where everything is, like westeurope",
    "account": "the storage account: 3-24 of a-z and 0-9, the world's",
    "container": "the blob container that is the database",
    "prefix": "folder in the container: the project's name unless prefix is set",
    "vault": "the Key Vault: 3-24 characters, the world's",
    "registry": "the container registry: 5-50 of letters and digits, the world's",
    "tenant": "the id of the Entra tenant",
}
# Who deploys is granted what it needs by bootstrap: a template would need a parameter for what may not be there.
MARKED = Place(**{name: f"<{name}>" for name in PARAMETERS})
_WITHIN = frozenset({"subscription", "group"})  # an ARM template knows where it is deployed


def files(place: Place | None = None, functions: str = "containerapps") -> dict[str, str]:
    """File name -> content; `place` gives the parameters' defaults, else `functions` says what functions are."""
    given = {name: getattr(place, name) for name in PARAMETERS} if place else {}
    marked = replace(MARKED, functions=place.functions if place else functions)
    if given and not given["prefix"]:
        marked = replace(marked, prefix="")
    return {
        "template.json": arm(marked, given),
        **{f"terraform/{name}": words for name, words in terraform(marked, given).items()},
    }


def arm(marked: Place, given: dict[str, str]) -> str:
    """Deployed into the resource group: az deployment group create -g GROUP -f template.json -p project=..."""
    every = {thing.id: thing for thing in things(marked)}
    parameters = {
        name: {
            "type": "string",
            "metadata": {"description": PARAMETERS[name]},
            **({"defaultValue": given[name]} if given.get(name) else {}),
        }
        for name in _wanted(marked)
        if name not in _WITHIN
    }
    found = {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": parameters,
        "resources": [_resource(thing, every) for thing in every.values() if thing.id != "Group"],
        "outputs": {
            "topics": {"type": "string", "value": _arm(Known("Topic", "properties.endpoint"), every)},
            "workspace": {"type": "string", "value": _arm(Known("Workspace", "properties.customerId"), every)},
            "ingestion": {"type": "string", "value": _arm(Known("Rule", "properties.endpoints.logsIngestion"), every)},
            "rule": {"type": "string", "value": _arm(Known("Rule", "properties.immutableId"), every)},
        },
    }
    return json.dumps(found, indent=2) + "\n"


def _wanted(marked: Place) -> list[str]:
    """The parameters: a target in the container's root has no prefix."""
    return [name for name in PARAMETERS if name != "prefix" or marked.prefix]


def _resource(thing: Thing, every: dict[str, Thing]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": thing.kind, "apiVersion": thing.version, "name": _arm(thing.name, every)}
    if thing.waivers:
        made["metadata"] = {"checkov": [f"{check}:{why}" for check, why in thing.waivers.items()]}
    if thing.scope and thing.scope != "Group":
        on = every[thing.scope]
        made["scope"] = _format(_scope(on))
    needed = [f"[{_resource_id(every[one])}]" for one in dict.fromkeys(_needs(thing, every))]
    return {**made, **({"dependsOn": needed} if needed else {}), **_arm(thing.body, every)}


def _needs(thing: Thing, every: dict[str, Thing]) -> list[str]:
    """Ids of the things that have to be there first."""
    parent = [one.id for one in every.values() if "/" in thing.name and _is_parent(one, thing)]
    scope = [thing.scope] if thing.scope and thing.scope != "Group" else []
    return [*parent, *scope, *_known(thing.body)]


def _is_parent(one: Thing, thing: Thing) -> bool:
    return thing.kind.rpartition("/")[0] == one.kind and thing.name.rpartition("/")[0] == one.name


def _known(body: Any) -> list[str]:
    if isinstance(body, Known):
        return [body.id]
    if isinstance(body, dict):
        return [one for value in body.values() for one in _known(value)]
    return [one for value in body for one in _known(value)] if isinstance(body, list) else []


def _arm(value: Any, every: dict[str, Thing]) -> Any:
    if isinstance(value, Known):
        thing = every[value.id]
        if value.path == "id":
            return f"[{_resource_id(thing)}]"
        function = "listKeys" if value.action else "reference"
        path = value.path.removeprefix("properties.")
        return f"[{function}({_resource_id(thing)}, '{thing.version}').{path}]"
    if isinstance(value, dict):
        return {_arm(key, every): _arm(one, every) for key, one in value.items()}
    if isinstance(value, list):
        return [_arm(one, every) for one in value]
    return _format(value) if isinstance(value, str) else value


def _resource_id(thing: Thing) -> str:
    function = "resourceId"
    names = ", ".join(_expression(name) for name in thing.name.split("/"))
    return f"{function}('{thing.kind}', {names})"


def _scope(thing: Thing) -> str:
    """`Microsoft.Storage/storageAccounts/NAME/blobServices/NAME`, as an extension resource names what it is on."""
    kinds, names = thing.kind.split("/"), thing.name.split("/")
    return kinds[0] + "".join(f"/{kind}/{name}" for kind, name in zip(kinds[1:], names, strict=True))


def _format(value: str) -> str:
    """A string with markers as an expression; one without as it is (a leading bracket is escaped)."""
    if not _MARKER.search(value):
        return f"[{value}" if value.startswith("[") else value
    return f"[{_expression(value)}]"


def _expression(value: str) -> str:
    found: list[str] = []
    plain = ""
    end = 0
    for marker in _MARKER.finditer(value):
        plain += _braced(value[end : marker.start()]) + f"{{{len(found)}}}"
        found.append(_parameter(marker))
        end = marker.end()
    plain += _braced(value[end:])
    if not found:
        return f"'{_quoted(value)}'"
    return found[0] if plain == "{0}" else f"format('{_quoted(plain)}', {', '.join(found)})"


def _parameter(marker: re.Match[str]) -> str:
    if marker[1]:
        return f"guid(resourceGroup().id, parameters('stem'), '{marker[2]}')"
    within = {"subscription": "subscription().subscriptionId", "group": "resourceGroup().name"}
    return within.get(marker[2], f"parameters('{marker[2]}')")


def _braced(text_: str) -> str:
    return text_.replace("{", "{{").replace("}", "}}")


def _quoted(text_: str) -> str:
    return text_.replace("'", "''")


def terraform(marked: Place, given: dict[str, str]) -> dict[str, str]:
    every = {thing.id: thing for thing in things(marked)}
    needed = {"azapi": {"source": "Azure/azapi", "version": AZAPI}}
    versions = Block("terraform", {"required_version": ">= 1.8"}, (Block("required_providers", needed),))
    blocks = [_block(thing, every) for thing in every.values()]
    keys = Block(
        'data "azapi_resource_action" "workspace_keys"',
        {
            "type": f"{every['Workspace'].kind}@{every['Workspace'].version}",
            "resource_id": Expression("azapi_resource.workspace.id"),
            "action": "sharedKeys",
            "response_export_values": ["primarySharedKey"],
        },
    )
    outputs = {
        "topics": _terraform(Known("Topic", "properties.endpoint"), every),
        "workspace": _terraform(Known("Workspace", "properties.customerId"), every),
        "ingestion": _terraform(Known("Rule", "properties.endpoints.logsIngestion"), every),
        "rule": _terraform(Known("Rule", "properties.immutableId"), every),
    }
    return {
        "versions.tf": text(versions),
        "variables.tf": text(*(_variable(name, given.get(name, "")) for name in _wanted(marked))),
        "main.tf": "# Generated: see toolkit/adapters/azure/operator.\n\n" + text(*blocks, keys),
        "outputs.tf": text(
            *(Block(f'output "{name}"', {"description": f"{name} in [targets.<t>.azure]", "value": value})
              for name, value in outputs.items())
        ),
    }  # fmt: skip


def _variable(name: str, default: str) -> Block:
    attributes: dict[str, Any] = {"description": PARAMETERS[name], "type": Expression("string")}
    return Block(f'variable "{name}"', {**attributes, **({"default": default} if default else {})})


def _block(thing: Thing, every: dict[str, Thing]) -> Block:
    top = {key: value for key, value in thing.body.items() if key in {"location", "tags"}}
    rest = {key: value for key, value in thing.body.items() if key not in top}
    attributes: dict[str, Any] = {
        "type": f"{thing.kind}@{thing.version}",
        "name": _terraform(thing.name.rpartition("/")[2], every),
        "parent_id": _above(thing, every),
        **{key: _terraform(value, every) for key, value in top.items()},
    }
    if rest:
        attributes["body"] = _terraform(rest, every)
    attributes["response_export_values"] = ["*"]
    kept = (Block("lifecycle", {"prevent_destroy": True}),) if thing.id in {"Account", "Container"} else ()
    return Block(f'resource "azapi_resource" "{label(thing.id)}"', attributes, kept)


def _above(thing: Thing, every: dict[str, Thing]) -> Any:
    if thing.id == "Group":
        return "/subscriptions/${var.subscription}"
    if thing.kind.endswith("/roleDefinitions"):
        return "/subscriptions/${var.subscription}"
    parent = thing.scope or next((one.id for one in every.values() if _is_parent(one, thing)), "Group")
    return Expression(f"azapi_resource.{label(parent)}.id")


def _terraform(value: Any, every: dict[str, Thing]) -> Any:
    if isinstance(value, Known):
        if value.action:
            return Expression(f"data.azapi_resource_action.workspace_keys.output.{value.path}")
        path = "id" if value.path == "id" else f"output.{value.path}"
        return Expression(f"azapi_resource.{label(value.id)}.{path}")
    if isinstance(value, dict):
        return {key: _terraform(one, every) for key, one in value.items()}
    if isinstance(value, list):
        return [_terraform(one, every) for one in value]
    if not isinstance(value, str) or not _MARKER.search(value):
        return value
    guid = _MARKER.fullmatch(value)
    if guid and guid[1]:
        return Expression(f'uuidv5("url", "${{var.subscription}}/${{var.group}}/${{var.stem}}/{guid[2]}")')
    return Expression(f"var.{guid[2]}") if guid else _MARKER.sub(r"${var.\2}", value)


def label(thing: str) -> str:
    """DriftCheckIdentity -> drift_check_identity."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", thing).lower()
