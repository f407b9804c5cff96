"""Claims tested both ways: claimed, the case passes; not claimed, it raises Unsupported."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import pytest

from toolkit.domain.capabilities import PROMISES
from toolkit.domain.errors import Unsupported
from toolkit.ports.provider import Provider

F = TypeVar("F", bound=Callable[..., Any])


class Suite:
    """Base of every suite: `provider` is whose claims decide what is expected.

    `server` names what stands in for the provider, where more than one does. A case that a further server cannot show
    is left out by setting it to None there, with the reason beside it: the claim is then proven on another.
    """

    provider: ClassVar[Provider]
    server: ClassVar[str] = ""


def claims(*names: str) -> Callable[[F], F]:
    """Mark a case of a Suite with what it proves."""
    unknown = set(names) - PROMISES.keys()
    if unknown or not names:
        raise ValueError(f"no such claim: {sorted(unknown)}")

    def decorate(case: F) -> F:
        @functools.wraps(case)
        def run(self: Suite, *args: Any, **kwargs: Any) -> None:
            if all(self.provider.offers(name) for name in names):
                case(self, *args, **kwargs)
                return
            with pytest.raises(Unsupported):
                case(self, *args, **kwargs)

        run.claims = names  # type: ignore[attr-defined]  # read by the parity table
        return run  # type: ignore[return-value]

    return decorate
