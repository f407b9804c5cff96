"""Configuration -> opened ports -> Context. The only floor that opens adapters.

`files` finds and reads what a person wrote, `layers` merges it (flag > TOOLKIT_* > target table > base > default) and
remembers where each value came from, `providers` discovers the adapter folders, `opening` opens one port. DESIGN had
one module here; it is a package because each of the four is read alone: a function in a cloud needs only `opening`,
so this module imports nothing by itself.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.bootstrap.context import from_runtime, members, open_context

__all__ = ["from_runtime", "members", "open_context"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from toolkit.bootstrap import context

        return getattr(context, name)
    raise AttributeError(f"module 'toolkit.bootstrap' has no attribute {name!r}")
