"""What a column is for: a feature, or an id, or nothing that can be learnt from - and why, in words.

Rules on names and counts, in this order: no values; one value; counts the rows; an id by name or form; a text that is
different nearly everywhere (names, free text); else a feature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.domain.records import Column, DType, Role

if TYPE_CHECKING:
    import polars as pl

CATEGORIES = 100
MOST_TEXTS = 10_000
FEW_ROWS = 20
_ID_NAME = re.compile(
    r"(^|.*[_\W])(id|ids|uuid|guid|identifier|rownames|row_?id|index|key|unnamed_?\d*|column_1)$", re.I
)
_ID_CAMEL = re.compile(r".*[a-z](Id|ID|Uuid|UUID|Key)$")
_UUID = r"^\{?[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\}?$"
_EVENT = re.compile(r"time|date|stamp|created|recorded|event|day|month|_at$|^at$|^ts$|^dt$", re.I)
_NOT_EVENT = re.compile(r"birth|born|dob|expir|due|end|until|last|death|stop|close|off$", re.I)


@dataclass(frozen=True)
class Counts:
    """What was counted in a column. `distinct` leaves nulls out."""

    rows: int
    nulls: int
    distinct: int

    @property
    def known(self) -> int:
        return self.rows - self.nulls

    @property
    def share(self) -> float:
        """Different values among the known ones, 0 to 1."""
        return self.distinct / self.known if self.known else 0.0


def counts(values: pl.Series) -> Counts:
    nulls = values.null_count()
    return Counts(len(values), nulls, values.n_unique() - (nulls > 0))


def role(values: pl.Series, seen: Counts) -> tuple[Role, str]:
    """(role, why) of a column that is neither label nor time."""
    if seen.known == 0:
        return "ignored", "has no values"
    if seen.distinct == 1 and seen.nulls == 0:
        return "ignored", f"has one value only ({values[0]!r:.40})"
    if seen.rows < FEW_ROWS:
        return "feature", ""
    for rule in (_counts_rows, _is_id, _is_free_text):
        found = rule(values, seen)
        if found:
            return found
    return "feature", ""


def _counts_rows(values: pl.Series, seen: Counts) -> tuple[Role, str] | None:
    if not values.dtype.is_integer() or seen.distinct != seen.rows:
        return None
    low, high = values.min(), values.max()
    if isinstance(low, int) and isinstance(high, int) and low in (0, 1) and high - low == seen.rows - 1:
        return "id", "counts the rows"
    return None


def _is_id(values: pl.Series, seen: Counts) -> tuple[Role, str] | None:
    text = str(values.dtype) == "String"
    if not text and not values.dtype.is_integer():
        return None
    named = bool(_ID_NAME.match(values.name) or _ID_CAMEL.match(values.name))
    if named and seen.distinct > FEW_ROWS and seen.share > 0.1:
        return "id", f"named like an id, {seen.distinct:,} different values in {seen.known:,} rows"
    if text and values.drop_nulls().head(1000).str.contains(_UUID).all():
        return "id", "holds UUIDs"
    if text and seen.distinct == seen.known:
        return "id", "a different text in every row"
    return None


def _is_free_text(values: pl.Series, seen: Counts) -> tuple[Role, str] | None:
    if str(values.dtype) != "String":
        return None
    if seen.distinct > 50 and seen.share > 0.5:
        return "ignored", f"free text: {seen.distinct:,} different texts in {seen.known:,} rows"
    if seen.distinct > MOST_TEXTS:
        return "ignored", f"{seen.distinct:,} different texts: more than a model can tell apart"
    length = values.str.len_chars().mean()
    if seen.distinct > 50 and isinstance(length, float) and length > 80:
        return "ignored", f"free text of {length:.0f} characters on average"
    return None


def describe(values: pl.Series, dtype: DType, given: Role, why: str, seen: Counts) -> Column:
    """The column's contract: range of numbers, categories of texts with at most 100 values."""
    low = high = None
    categories = None
    if dtype in ("int64", "float64") and seen.known:
        low, high = (float(v) for v in (values.min(), values.max()))  # type: ignore[arg-type]
    if dtype == "string" and given == "feature" and seen.distinct <= CATEGORIES:
        categories = tuple(values.drop_nulls().unique().sort().to_list())
    return Column(
        name=values.name,
        dtype=dtype,
        nullable=seen.nulls > 0,
        role=given,
        minimum=low,
        maximum=high,
        categories=categories,
        why=why,
    )


def event_time(frame: pl.DataFrame, names: list[str]) -> str:
    """The column that says when a row happened: a date or time in every row, by name if there are several; else ""."""
    found = [n for n in names if frame[n].dtype.is_temporal() and not frame[n].null_count() and frame[n].n_unique() > 1]
    found = [n for n in found if not _NOT_EVENT.search(n)]
    return next((n for n in found if _EVENT.search(n)), found[0] if found else "")
