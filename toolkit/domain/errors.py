"""Every error this package raises on purpose, as one small tree.

A message says what, where and why; `hint` says what to type next. Each class carries the exit code the command line
returns and whether trying again can help, and also subclasses the builtin that fits, so that plain Python code can
catch it. An SDK's own error is always the `__cause__`, never what the caller sees.
"""

from __future__ import annotations


class ToolkitError(Exception):
    """Base of all. `code` is the stable word printed by `--json`; `hint` the next command, without a full stop."""

    exit_code = 1
    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        return type(self).__name__

    def __str__(self) -> str:
        return self.message


class ConfigError(ToolkitError, ValueError):
    """What a person wrote (file, flag, variable, code entry) cannot be used."""

    exit_code = 2


class DataError(ToolkitError, ValueError):
    """The data cannot be used as it is: unreadable, empty, constant, label missing. Names file, column, row."""


class TrainingFailed(ToolkitError, RuntimeError):
    """A run ended without a model. `reason` is the recorded one (exit code, timeout, memory, cancelled)."""


class ProviderError(ToolkitError):
    """A provider refused or failed. Adapters raise the subclasses, never this one bare."""


class NotFound(ProviderError, LookupError):
    exit_code = 4


class AlreadyExists(ProviderError, FileExistsError):
    """A create-only write lost: something is there already."""

    exit_code = 5


class PreconditionFailed(ProviderError):
    """A compare-and-swap lost: the object is not what the caller last saw (changed or missing)."""

    exit_code = 5


class PermissionDenied(ProviderError, PermissionError):
    exit_code = 6


class Unauthenticated(ProviderError, PermissionError):
    """No credentials, or expired ones."""

    exit_code = 6


class Throttled(ProviderError):
    exit_code = 7
    retryable = True


class Unavailable(ProviderError, ConnectionError):
    """The provider did not answer. Whether a write was applied is UNKNOWN."""

    exit_code = 7
    retryable = True


class StorageFull(ProviderError, OSError):
    """No space or quota left. Nothing was half written."""

    exit_code = 7


class Unsupported(ProviderError, NotImplementedError):
    """The provider does not claim this capability. The planner says so before it comes to this."""

    exit_code = 2


class MissingExtra(ProviderError, ImportError):
    """A third-party module is not installed; the hint is the pip line."""

    exit_code = 2


class PlanError(ToolkitError):
    """What is wanted cannot be planned; nothing was changed."""

    exit_code = 2


class StateError(ToolkitError):
    """The bucket's state cannot be used or changed."""


class Conflict(StateError):
    """Someone else won. The message names the winner (actor, time, entry)."""

    exit_code = 5


class Locked(StateError):
    """A lease is held by someone else; the message says by whom and until when."""

    exit_code = 5
    retryable = True


class Corrupt(StateError):
    """Bytes are not what their digest or their record says."""


class BrokenChain(Corrupt):
    """A journal does not hash-chain: an entry was edited, deleted, swapped or cut off."""


class Untrusted(StateError, PermissionError):
    """No signature by a trusted key says that this may be served, or the policy forbids it. The message says which
    of these it is: unsigned, unknown, revoked or expired key, other content, another model, an older version."""

    exit_code = 6


class NewerFormat(StateError):
    """Written by a newer version of this package; the hint says which to install."""

    exit_code = 2


class CommitUnknown(StateError):
    """The reply was lost and reading back failed too: applied or not, nothing was cleaned up. Run it again."""

    exit_code = 7
    retryable = True


class GateFailed(ToolkitError):
    """A gate refused: the message names gate, measured value and threshold."""

    exit_code = 3


class Interrupted(ToolkitError):
    exit_code = 130


def missing_extra(module: str, extra: str) -> MissingExtra:
    """The one wording for an optional dependency that is not installed."""
    return MissingExtra(f"{module} is not installed", hint=f"pip install 'driftloop[{extra}]'")
