"""What an adapter folder says of itself: names, strings and claims; nothing that imports an SDK.

A Struct, since a function reads one as it starts: a dataclass of as many fields takes a millisecond to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal

import msgspec


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """`PROVIDER = Provider(...)` in `toolkit/adapters/<name>/__init__.py`.

    `ports` maps a port to "module:function", the function being `open_<port>(settings) -> Port`; `settings` is
    "module:Model", the pydantic model that checks `[targets.<t>.<provider>]` (it may complete defaults from
    `project_dir`, which bootstrap passes in); `extra` is the pip extra named when a module is missing; `claims` are
    strings of `capabilities.PROMISES`. Where somebody with rights has to make things first, `operator` is
    "module:function", `open(settings, tags) -> Operator`. `permissions` is "module:function", `of(kind, verb)` -> what
    an action of a plan needs, in the provider's own names. `events` is "module:function", `(event) -> tuple of NewData,
    or None` for what is no event of its store; it is asked inside functions, so it is light. `emulators` maps the name
    of one that plays the provider on this machine to "module:function", `open(settings) -> ports.emulator.Emulator`.
    """

    name: str
    title: str
    ports: dict[str, str]
    settings: str
    claims: frozenset[str]
    extra: str = ""
    # function -> the packages that the adapter imports inside it, of those that `extra` brings
    needs: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    operator: str = ""
    permissions: str = ""
    checks: str = ""  # "module:function" of what doctor asks of it (`ports.checks.Checks`)
    events: str = ""
    emulators: dict[str, str] = msgspec.field(default_factory=dict)
    # e.g. {"function_memory_mb": 10240, "bundle_bytes": ...}
    limits: dict[str, int] = msgspec.field(default_factory=dict)
    function_auth: Literal["iam", "token"] = "iam"  # who may call a function that is not public
    signer: str = ""  # "module:function" of who holds private keys, if it does (`ports.signer`)
    # container registries whose login it can give: pattern of the host -> "module:function", the function being
    # `login(host, settings) -> ports.registry.Login`
    registries: dict[str, str] = msgspec.field(default_factory=dict)
    job_image: str = ""  # "module:function", `(settings) -> reference`: the image that its jobs run, if they run one
    # "module:function", `(provider, settings) -> Provider`: where settings choose between ways of doing things that do
    # not offer the same, the provider as these settings have it
    ways: str = ""
    function_python: str = "3.13"  # runtime of bundles; "host": the interpreter that runs the toolkit

    def permits(self, kind: str, verb: str) -> tuple[str, ...]:
        """What an action needs, in the provider's own names; nothing where it has no such thing."""
        if not self.permissions:
            return ()
        module, _, attribute = self.permissions.partition(":")
        found: tuple[str, ...] = getattr(import_module(module), attribute)(kind, verb)
        return found

    def chosen(self, settings: Mapping[str, Any]) -> Provider:
        """The provider as its settings have it."""
        if not self.ways:
            return self
        module, _, attribute = self.ways.partition(":")
        found: Provider = getattr(import_module(module), attribute)(self, settings)
        return found

    def offers(self, claim: str) -> bool:
        return claim in self.claims
