"""The JSON Schema of a whole configuration: the project's keys, and each provider's settings in its target's table."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from toolkit.bootstrap import providers
from toolkit.bootstrap.layers import SECTIONS
from toolkit.domain.config import Project


def json_schema() -> dict[str, Any]:
    schema = Project.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "toolkit.toml"
    properties = schema["properties"]
    properties["project"] = {
        "type": "object",
        "description": "name and model may stand in this table or at the top",
        "properties": {key: properties[key] for key in ("name", "model")},
        "additionalProperties": False,
    }
    target = schema["$defs"]["TargetConfig"]
    for section in SECTIONS:
        target["properties"][section] = properties[section]
    for name in providers.names():
        module, _, attribute = providers.provider(name).settings.partition(":")
        settings = getattr(import_module(module), attribute).model_json_schema(ref_template="#/$defs/{model}")
        schema["$defs"].update(settings.pop("$defs", {}))
        target["properties"][name] = settings
    target["additionalProperties"] = {
        "type": "object",
        "description": "settings of the provider that it names; a port may be mapped to it",
        "properties": {"provider": {"type": "string", "enum": list(providers.names())}},
        "required": ["provider"],
    }
    return schema
