"""A Context from a configuration file (a person at a terminal) or from TOOLKIT_RUNTIME (a deployed thing)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from toolkit.bootstrap import files, providers
from toolkit.bootstrap.opening import open_port
from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import PORTS, Binding, Runtime
from toolkit.ports.context import Context, Reporter, Silent
from toolkit.ports.provider import Provider


class _Declared(dict[str, Provider]):
    """Providers by name, read when asked for."""

    def __missing__(self, name: str) -> Provider:
        return providers.provider(name)


def open_context(
    directory: Path,
    *,
    config: str = "",
    target: str = "",
    overrides: Sequence[str] = (),
    report: Reporter | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Context:
    """The project found from `directory`, on its target. Opens nothing yet; ConfigError names file, line and key."""
    from toolkit.bootstrap import emulators, hybrid, layers

    source = files.find(directory, config, environ)
    layered = layers.merge(source, target, overrides, environ)
    where = {"directory": source.directory, "target": layered.target, "project": layered.project.name}
    bindings = _bindings(layered.target_config, where, source)
    return Context(
        project=layered.project,
        target=layered.target,
        directory=source.directory,
        bindings=bindings,
        signer_binding=_signer(layered),
        providers=_declared(bindings, layered.project.serve.python),
        opener=hybrid.opener(emulators.guarded(open_port, source.directory, layered.target), bindings),
        actor=environ.get("TOOLKIT_ACTOR") or _who(environ),
        report=report or Silent(),
    )


def members(directory: Path, config: str = "", target: str = "", environ: Mapping[str, str] = os.environ) -> list[str]:
    """The targets that `target` stands for: itself, or those that its table lists."""
    from toolkit.bootstrap import layers

    return list(layers.members(files.find(directory, config, environ), target, environ))


def from_runtime(environ: Mapping[str, str] = os.environ, report: Reporter | None = None) -> tuple[Context, Runtime]:
    """What a job or function was told, and its Context (its project's configuration read from the store)."""
    from toolkit.bootstrap import hybrid
    from toolkit.domain.config import Project
    from toolkit.state.blobs import Blobs

    told = runtime(environ)
    project = Project(name=told.project)
    opener = hybrid.opener(open_port, told.ports)
    if told.config:
        project = Project.model_validate_json(Blobs(opener("store", told.ports["store"])).get(told.config))
    context = Context(
        project=project,
        target=told.target,
        directory=Path.cwd(),
        bindings={port: binding for port, binding in told.ports.items() if port != "signer"},
        signer_binding=told.ports.get("signer"),
        providers=_declared(told.ports, project.serve.python),
        opener=opener,
        actor=environ.get("TOOLKIT_ACTOR") or f"function:{told.endpoint or told.project}",
        report=report or Silent(),
    )
    return context, told


def runtime(environ: Mapping[str, str] = os.environ) -> Runtime:
    text = environ.get("TOOLKIT_RUNTIME", "")
    if not text:
        raise ConfigError("TOOLKIT_RUNTIME is not set: this is started by a deployment", hint="toolkit deploy")
    try:
        return msgspec.json.decode(text, type=Runtime)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"TOOLKIT_RUNTIME cannot be read: {error}", hint="toolkit deploy") from error


def _bindings(config: Any, where: dict[str, Any], source: files.Source) -> dict[str, Binding]:
    from toolkit.bootstrap import hybrid

    unknown = set(config.ports) - {*PORTS, "signer", hybrid.ARTIFACTS}
    for port in sorted(unknown):
        raise ConfigError(f"{source.path.name}: no port is called {port!r}: there are {', '.join(PORTS)}")
    chosen = {port: config.ports.get(port, config.provider) for port in PORTS}
    if hybrid.ARTIFACTS in config.ports:
        chosen[hybrid.ARTIFACTS] = config.ports[hybrid.ARTIFACTS]
    bound = {name: _binding(name, config, where, source) for name in sorted(set(chosen.values()))}
    hybrid.require_state(providers.provider(bound[chosen["store"]].provider), where["target"])
    return {port: bound[name] for port, name in chosen.items()}


def _binding(name: str, config: Any, where: dict[str, Any], source: files.Source) -> Binding:
    from toolkit.bootstrap import emulators, hybrid

    provider, written = hybrid.table(config.model_extra or {}, name)
    settings = _settings(name, provider, written, where, source)
    connected = emulators.connected(providers.provider(provider), settings, where["directory"], where["target"])
    return Binding(provider=provider, settings=connected)


def _declared(bindings: Mapping[str, Binding], python: str) -> _Declared:
    """Every provider's own word of itself, changed for ways that the settings choose and for one that is played on this
    machine. Of a provider that offers several ports with settings of their own, its functions' are those that count."""
    declared = _Declared()
    for _, binding in sorted(bindings.items(), key=lambda pair: pair[0] == "functions"):
        if providers.provider(binding.provider).ways:
            declared[binding.provider] = providers.provider(binding.provider).chosen(binding.settings)
    if not any(binding.settings.get("emulator") for binding in bindings.values()):
        return declared
    from toolkit.bootstrap import emulators

    for binding in bindings.values():
        provider = providers.provider(binding.provider)
        if emulator := emulators.find(provider, binding.settings):
            declared[provider.name] = emulators.played(declared[provider.name], emulator, python)
    return declared


def _signer(layered: Any) -> Binding:
    """Whose keys sign: this machine's, unless the target names a provider for it."""
    import platformdirs

    folder = layered.project.trust.private or f"{platformdirs.user_config_dir('toolkit', appauthor=False)}/keys"
    provider = layered.target_config.ports.get("signer", "local")
    return Binding(provider=provider, settings={"keys": str(Path(folder).expanduser().absolute())})


def _settings(
    name: str, provider: str, table: dict[str, Any], where: dict[str, Any], source: files.Source
) -> dict[str, Any]:
    from importlib import import_module

    from pydantic import ValidationError

    module, _, attribute = providers.provider(provider).settings.partition(":")
    model = getattr(import_module(module), attribute)
    try:
        validated = model.model_validate(table, context=where)
    except ValidationError as error:
        place = ("targets", where["target"], name)
        lines = [
            f"{source.where((*place, *problem['loc']))}: {'.'.join(map(str, (*place, *problem['loc'])))}: "
            f"{problem['msg']}"
            for problem in error.errors()
        ]
        known = ", ".join(model.model_fields)
        raise ConfigError("\n".join(lines), hint=f"settings of provider {provider!r}: {known}") from error
    dumped: dict[str, Any] = validated.model_dump(mode="json")
    return dumped


def _who(environ: Mapping[str, str]) -> str:
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = environ.get("USER", "unknown")
    return f"{user}@{socket.gethostname()}"
