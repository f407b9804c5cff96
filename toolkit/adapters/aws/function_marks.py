"""What a published version says of itself, in its description: whose it is, and what AWS keeps of a function as a whole
but belongs to a version here (who may call it, how many at once), so that a roll back brings that back too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from toolkit.domain import digest
from toolkit.domain.specs import FunctionSpec

OURS = "managed by toolkit"  # the description of $LATEST: found in a list without asking for tags
VARIABLE = "TOOLKIT_SPEC"
_TEXT = re.compile(r"toolkit ([0-9a-f]{64}) auth=(\w+) concurrency=(\d+)")


@dataclass(frozen=True)
class Mark:
    digest: str
    auth: Literal["iam", "public"]
    concurrency: int

    @classmethod
    def of(cls, spec: FunctionSpec) -> Mark:
        auth = "public" if spec.auth == "public" else "iam"
        return cls(digest.of_value(dict(spec.configuration())), auth, spec.concurrency)  # type: ignore[arg-type]

    @classmethod
    def read(cls, description: str) -> Mark | None:
        """None for a version that somebody else published."""
        found = _TEXT.fullmatch(description)
        return cls(found[1], cast(Literal["iam", "public"], found[2]), int(found[3])) if found else None

    def __str__(self) -> str:
        return f"toolkit {self.digest} auth={self.auth} concurrency={self.concurrency}"

    def variables(self) -> dict[str, str]:
        """A variable that is another one for another spec: Lambda publishes no version where it sees no change, and it
        sees neither who may call nor how many."""
        return {VARIABLE: self.digest[:16]}
