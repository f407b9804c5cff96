"""What the lifecycle needs of a provider: one Protocol a file. A docstring here is a contract; `testing/` proves it.

Thin adapter, thick middle: a method is one verb of the provider. Retry, JSON, hashing, prefixes and defaults live
once, above the port. Errors are the classes of `toolkit.domain.errors`; no SDK exception escapes an adapter. Every
adapter opens a port by `open_<port>(settings: Settings) -> Port`, named as a string in its `PROVIDER`; opening does no
I/O that can fail for want of a network, and an opened port may be used from several threads.
"""

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]
