"""Adapters are folders. Listing them imports nothing; reading one imports its `__init__`, which imports no SDK."""

from __future__ import annotations

import importlib
from functools import cache

from toolkit import adapters
from toolkit.domain.errors import ConfigError
from toolkit.ports.provider import Provider


@cache
def names() -> tuple[str, ...]:
    import pkgutil  # with `inspect` 4 ms: a function, which knows the name of its provider, lists none

    return tuple(sorted(module.name for module in pkgutil.iter_modules(adapters.__path__) if module.ispkg))


@cache
def provider(name: str) -> Provider:
    module = f"{adapters.__name__}.{name}"
    try:
        if not name.isidentifier():
            raise ModuleNotFoundError(name=module)
        declared: Provider = importlib.import_module(module).PROVIDER
        return declared
    except ModuleNotFoundError as error:
        if error.name != module:  # an adapter that is broken
            raise
    import difflib

    near = difflib.get_close_matches(name, names(), 1)
    hint = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(names())}"
    raise ConfigError(f"unknown provider {name!r}", hint=hint)
