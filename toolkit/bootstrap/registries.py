"""Who we are at a container registry: the cloud's own credentials where a provider knows the host, else Docker's."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

from toolkit.bootstrap import providers
from toolkit.domain.errors import MissingExtra, Unauthenticated, missing_extra
from toolkit.ports.registry import Login, Logins

if TYPE_CHECKING:
    from toolkit.ports.context import Context
    from toolkit.ports.provider import Provider


def logins(ctx: Context) -> Logins:
    """Docker's login stands in where the cloud's own cannot be had (no credentials here, its extra not installed)."""
    from toolkit.packaging.oci.logins import docker

    def login(host: str) -> Login | None:
        for declared, reference in _offered(host):
            try:
                return _open(declared, reference, ctx, host)
            except (Unauthenticated, MissingExtra):
                if (kept := docker(host)) is None:
                    raise
                return kept
        return docker(host)

    return login


def job_image(ctx: Context) -> str:
    """Where the jobs of the target look for their image, "" where they need none."""
    binding = ctx.bindings["jobs"]
    declared = ctx.provider("jobs")
    module, _, attribute = declared.job_image.partition(":")
    return str(getattr(importlib.import_module(module), attribute)(binding.settings)) if module else ""


def _offered(host: str) -> list[tuple[Provider, str]]:
    every = [providers.provider(name) for name in providers.names()]
    return [(p, reference) for p in every for form, reference in p.registries.items() if re.fullmatch(form, host)]


def _open(declared: Provider, reference: str, ctx: Context, host: str) -> Login:
    bound = (binding.settings for binding in ctx.bindings.values() if binding.provider == declared.name)
    module, _, attribute = reference.partition(":")
    try:
        found: Login = getattr(importlib.import_module(module), attribute)(host, next(bound, {}))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "toolkit":
            raise
        raise missing_extra(str(error.name), declared.extra or declared.name) from error
    return found
