"""Modules that a start imports and never uses, put off until somebody asks for one of their names.

asyncio imports `ssl` (OpenSSL's library with it), its own `sslproto` and `inspect` (which brings `ast` and `dis`), for
what a function's event loop never does; they are a fifth of the start of a compiled model. While the heavy imports run,
a stand-in takes the place of each: whoever imports it then has a module whose names are the real one's, which the first
of them to be asked for loads. Afterwards the stand-ins are out of `sys.modules`: an `import ssl` gets the real one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands for the module of its name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the import system asks of any module
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def put_off(*names: str, **others: ModuleType) -> Iterator[None]:
    """Within, an import of `names` takes a stand-in, one of `others` the module given; not where they are there."""
    given = {**{name: Later(name) for name in names}, **others}
    given = {name: module for name, module in given.items() if name not in sys.modules}
    sys.modules.update(given)
    try:
        yield
    finally:
        for name, module in given.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
