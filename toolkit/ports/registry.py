"""A user name and password for a container registry, as a provider hands them out (`Provider.registries`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Login:
    """`token`: what OAuth calls a refresh token, used instead of the password where a registry issues one."""

    user: str
    password: str = field(repr=False, default="")
    token: str = field(repr=False, default="")


Logins = Callable[[str], Login | None]
"""host -> who we are there; None for anonymous. Raises what the provider raises, Unauthenticated above all."""
