"""Adapters are folders. Listing them imports nothing; reading one imports its `__init__`, which imports no SDK."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from toolkit import adapters
from toolkit.domain.errors import ConfigError
from toolkit.ports.provider import Provider


@cache
def names() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(adapters.__path__) if module.ispkg))


@cache
def provider(name: str) -> Provider:
    if name not in names():
        import difflib

        near = difflib.get_close_matches(name, names(), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(names())}"
        raise ConfigError(f"unknown provider {name!r}", hint=hint)
    declared: Provider = importlib.import_module(f"toolkit.adapters.{name}").PROVIDER
    return declared
