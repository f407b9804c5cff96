"""Merge the layers of a configuration and remember where each value came from.

Flag (`--set serve.memory=2Gi`) > variable (`TOOLKIT_SERVE__MEMORY`) > target table (`[targets.prod.serve]`) > base >
default. A target table may override any section of the base, so that a project differs between targets by it alone.
`local` and `<provider>-local` (a provider played on this machine) are there without one.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from toolkit.bootstrap import providers
from toolkit.bootstrap.files import Source
from toolkit.bootstrap.hybrid import PROVIDER
from toolkit.domain.config import Project, TargetConfig
from toolkit.domain.errors import ConfigError

SECTIONS = ("data", "train", "export", "gates", "serve", "trust", "monitor", "rollout", "alerts", "retrain")
NOT_CONFIGURATION = {
    "TOOLKIT_CONFIG", "TOOLKIT_TARGET", "TOOLKIT_RUNTIME", "TOOLKIT_ACTOR", "TOOLKIT_CACHE",
}  # fmt: skip
Path = tuple[str, ...]


@dataclass
class Layered:
    """`project` is the merged, validated whole for `target`; `origins` maps dotted keys that were set to a place."""

    project: Project
    target: str
    target_config: TargetConfig
    origins: dict[str, str] = field(default_factory=dict)


def merge(
    source: Source, target: str = "", overrides: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Layered:
    """Raises ConfigError listing every mistake with its place."""
    origins: dict[str, str] = {}
    base = _base(source, origins)
    variables = dict(_variables(environ))
    for path, (name, value) in variables.items():
        _set(base, path, value)
        origins[".".join(path)] = name
    name = target or environ.get("TOOLKIT_TARGET", "") or _default_target(base)
    table = _target_table(base, name, source)
    if table.get("targets"):
        several = ", ".join(map(str, table["targets"]))
        raise ConfigError(f"target {name!r} stands for {several}: this asks for one", hint=f"-t {table['targets'][0]}")
    for section in SECTIONS:
        if section in table:
            base[section] = _overlay(base.get(section), table[section])
            for path, _ in _leaves(table[section], (section,)):
                origins[".".join(path)] = source.where(("targets", name, *path))
    for path, (variable, value) in variables.items():  # variables beat the target table
        _set(base, path, value)
        origins[".".join(path)] = variable
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {text!r}: write KEY=VALUE", hint="--set serve.memory=2Gi")
        _set(base, tuple(key.split(".")), literal(value))
        origins[key] = "--set"
    project = _validate(base, source, origins)
    return Layered(project, name, _target(project, name, table, source), origins)


def members(source: Source, target: str = "", environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The targets that a name stands for: itself, or those that its table lists. ConfigError: one that is not there."""
    base = _base(source, {})
    name = target or environ.get("TOOLKIT_TARGET", "") or _default_target(base)
    listed = _target_table(base, name, source).get("targets")
    if not listed:
        return (name,)
    place = f"{source.where(('targets', name, 'targets'))}: targets.{name}.targets"
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed) or name in listed:
        raise ConfigError(f"{place}: write the names of other targets", hint='targets = ["aws", "gcp"]')
    for one in listed:
        if _target_table(base, one, source).get("targets"):
            raise ConfigError(f"{place}: {one} stands for others itself", hint="list the targets that it stands for")
    return tuple(dict.fromkeys(listed))


def _base(source: Source, origins: dict[str, str]) -> dict[str, Any]:
    tables = dict(source.tables)
    project = tables.pop("project", None)
    if isinstance(project, dict):  # [project] name/model reads well in a file; the model is flat
        tables = {**project, **tables}
    elif project is not None:
        tables["project"] = project
    for path, _ in _leaves(tables, ()):
        written = ("project", *path) if isinstance(project, dict) and path[0] in project else path
        origins[".".join(path)] = source.where(written)
    tables.setdefault("name", _folder_name(source))
    copied: dict[str, Any] = _copy(tables)
    return copied


def _folder_name(source: Source) -> str:
    from toolkit.domain import names

    return names.suggest(source.directory.name)


def _default_target(base: Mapping[str, Any]) -> str:
    targets = base.get("targets") or {}
    chosen = base.get("default_target") or (next(iter(targets)) if isinstance(targets, dict) and targets else "local")
    return str(chosen)


def _target_table(base: Mapping[str, Any], name: str, source: Source) -> dict[str, Any]:
    targets = base.get("targets") or {}
    if isinstance(targets, dict) and isinstance(targets.get(name), dict):
        return dict(targets[name])
    if implied := _implied(name):
        return implied
    known = sorted({*targets, "local"})
    near = difflib.get_close_matches(name, known, 1)
    raise ConfigError(
        f"unknown target {name!r}: {source.path.name} has {', '.join(known)}",
        hint=f"did you mean -t {near[0]}?" if near else f'add [targets.{name}] with provider = "..."',
    )


def _implied(name: str) -> dict[str, Any]:
    """What need not be written: `local`, and `aws-local`, a provider played on this machine."""
    if name == "local":
        return {"provider": "local"}
    provider = name.removesuffix("-local")
    if provider != name and provider in providers.names() and (played := providers.provider(provider).emulators):
        return {"provider": provider, provider: {"emulator": next(iter(played))}}
    return {}


def _target(project: Project, name: str, table: dict[str, Any], source: Source) -> TargetConfig:
    config = project.targets.get(name) or TargetConfig.model_validate(table)
    extra = set(config.model_extra or {})
    named = {key for key, value in (config.model_extra or {}).items() if isinstance(value, dict) and PROVIDER in value}
    for key in sorted(named - set(SECTIONS) - set(providers.names())):
        providers.provider(str((config.model_extra or {})[key][PROVIDER]))
    for key in sorted(extra - set(SECTIONS) - set(providers.names()) - named):
        raise _unknown(source, ("targets", name, key), [*TargetConfig.model_fields, *SECTIONS, *providers.names()])
    providers.provider(config.provider)
    return config


def _validate(base: dict[str, Any], source: Source, origins: dict[str, str]) -> Project:
    try:
        return Project.model_validate(base)
    except ValidationError as error:
        lines = [_explain(problem, source, origins) for problem in error.errors()]
        raise ConfigError("\n".join(lines), hint="toolkit schema prints every key with its type") from error


def _explain(problem: Any, source: Source, origins: Mapping[str, str]) -> str:
    path = tuple(str(part) for part in problem["loc"])
    dotted = ".".join(path)
    place = origins.get(dotted) or source.where(tuple(p for p in problem["loc"] if isinstance(p, str)))
    if problem["type"] == "extra_forbidden":
        return _unknown(source, path, _fields_at(path[:-1])).message
    said = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {dotted}: {said} (found {problem.get('input')!r})"


def _unknown(source: Source, path: Path, known: Sequence[str]) -> ConfigError:
    near = difflib.get_close_matches(path[-1], known, 1)
    guess = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
    table = ".".join(path[:-1]) or "the top level"
    return ConfigError(f"{source.where(path)}: unknown key {path[-1]!r} in {table}{guess}", hint="toolkit schema")


def _fields_at(path: Path) -> list[str]:
    model: Any = Project
    for part in path:
        annotation = model.model_fields[part].annotation if part in getattr(model, "model_fields", {}) else None
        model = next((a for a in (annotation, *getattr(annotation, "__args__", ())) if _is_model(a)), model)
    return list(model.model_fields)


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[Path, tuple[str, Any]]]:
    """TOOLKIT_SERVE__MEMORY -> ("serve", "memory"); only names whose first part is a key of ours."""
    for name in sorted(environ):
        if name.startswith("TOOLKIT_") and name not in NOT_CONFIGURATION:
            path = tuple(part.lower() for part in name.removeprefix("TOOLKIT_").split("__"))
            if path[0] in Project.model_fields:
                yield path, (name, literal(environ[name]))


def literal(text: str) -> Any:
    """A TOML value where it is one (5, true, ["a"]), else the text itself."""
    import tomllib

    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _set(tables: dict[str, Any], path: Path, value: Any) -> None:
    for part in path[:-1]:
        inner = tables.get(part)
        tables[part] = inner = dict(inner) if isinstance(inner, dict) else {}
        tables = inner
    tables[path[-1]] = value


def _overlay(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _overlay(below.get(key), value) for key, value in above.items()}}
    return above


def _copy(value: Any) -> Any:
    return {key: _copy(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif path:
        yield path, value
