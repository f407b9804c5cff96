"""From columns of text to numbers, booleans, dates and times - where every value of a column says so.

The first rows suggest what a column could be; a streaming pass over all rows decides. A column where one value does not
fit stays text, and what did not fit is said. Null markers are nulls only in columns that turn out not to be text.
Decimal commas stay text (1,234 could be either); thousands are read where they cannot be anything else (1,234,567).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from toolkit.data.findings import Finding

if TYPE_CHECKING:
    import polars as pl

NULLS = (
    "", "NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "none", "NONE",
    "?", "-", "--", ".",
)  # fmt: skip
HEAD = 10_000
_SAMPLED_DATES = 200
_MOSTLY = 0.8
_THOUSANDS = r"^[+-]?(\d{1,3}(,\d{3})+|\d{1,3})(\.\d+)?$"
_THOUSANDS_FOR_SURE = r"^[+-]?\d{1,3}(,\d{3}){2,}(\.\d+)?$|^[+-]?\d{1,3}(,\d{3})+\.\d+$"
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"
_LEADING_ZERO = r"^[+-]?0\d"
_TOO_LONG = r"^[+-]?\d{19,}$"

_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y",
    "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
_CLOCKS = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M:%S%.f %#z")
_YEAR = r"(^|\D)\d{4}(\D|$)"

Name = Literal["int", "float", "thousands", "bool", "date", "datetime", "zoned", "text"]


@dataclass(frozen=True)
class Kind:
    """What a column of text could be; `format` is chrono's, for dates and times."""

    name: Name
    format: str = ""

    def parse(self, text: pl.Expr) -> pl.Expr:
        """Stripped text to values; null where a text does not fit."""
        import polars as pl

        if self.name == "int":
            return text.cast(pl.Int64, strict=False)
        if self.name == "float":
            return text.cast(pl.Float64, strict=False)
        if self.name == "thousands":
            plain = pl.when(text.str.contains(_THOUSANDS)).then(text.str.replace_all(",", "", literal=True))
            return plain.cast(pl.Float64, strict=False)
        if self.name == "bool":
            lower = text.str.to_lowercase()
            return pl.when(lower == "true").then(True).when(lower == "false").then(False)
        if self.name == "date":
            return text.str.strptime(pl.Date, self.format, strict=False)
        if self.name == "datetime":
            return text.str.strptime(pl.Datetime("us"), self.format, strict=False)
        if self.name == "zoned":
            return text.str.strptime(pl.Datetime("us", "UTC"), self.format, strict=False)
        return text


INT, FLOAT, THOUSANDS, BOOL, TEXT = Kind("int"), Kind("float"), Kind("thousands"), Kind("bool"), Kind("text")


def typed(
    frame: pl.LazyFrame, names: Sequence[str], *, keep: Collection[str] = (), dates_only: bool = False
) -> tuple[pl.LazyFrame, list[Finding]]:
    """The frame with its text columns `names` typed, but for those in `keep`. `dates_only`: for formats whose numbers
    are numbers already (JSON). Runs two or three streaming passes; the result is lazy."""
    findings: list[Finding] = []
    head = frame.select(names).head(HEAD).collect()
    possible = {
        name: [] if name in keep else _possible(_values(frame, head, name), dates_only=dates_only) for name in names
    }
    fitting = _fitting(frame, possible)
    chosen = {name: _choose(name, possible[name], fitting[name], findings) for name in names}
    for name, kind in chosen.items():
        if kind == TEXT and name not in keep:
            findings += _near_misses(head[name], name)
    return frame.with_columns(_expression(name, kind) for name, kind in chosen.items()), findings


def _expression(name: str, kind: Kind) -> pl.Expr:
    import polars as pl

    text = pl.col(name).str.strip_chars()
    if kind == TEXT:
        return pl.when(text != "").then(text).alias(name)
    return kind.parse(_known(text)).alias(name)


def _known(text: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.when(~text.is_in(NULLS)).then(text)


def _values(frame: pl.LazyFrame, head: pl.DataFrame, name: str) -> pl.Series:
    """Values that are not null, from the first rows, or from wherever there are some."""
    import polars as pl

    known = _known(pl.col(name).str.strip_chars()).alias(name)
    values = head.select(known)[name].drop_nulls()
    if values.is_empty():
        values = frame.select(known).filter(pl.col(name).is_not_null()).head(1000).collect()[name]
    return values


def _possible(values: pl.Series, *, dates_only: bool) -> list[Kind]:
    if values.is_empty():
        return []
    found = [] if dates_only else _numbers(values)
    if not found and not dates_only and values.str.to_lowercase().is_in(["true", "false"]).all():
        found = [BOOL]
    return found or _moments(values.unique(maintain_order=True).head(_SAMPLED_DATES))


def _numbers(values: pl.Series) -> list[Kind]:
    import polars as pl

    if values.str.contains(_LEADING_ZERO).any():
        return []  # codes, not quantities: 00501 and 501 are different
    if not values.cast(pl.Int64, strict=False).has_nulls():
        return [INT, FLOAT]
    if not values.cast(pl.Float64, strict=False).has_nulls():
        return [] if values.str.contains(_TOO_LONG).any() else [FLOAT]  # a number past 64 bits is a name
    if values.str.contains(_THOUSANDS).all() and values.str.contains(_THOUSANDS_FOR_SURE).any():
        return [THOUSANDS]
    return []


def _moments(values: pl.Series) -> list[Kind]:
    """Every date or time form that reads all of `values` (four-digit years only)."""
    import polars as pl

    if not values.str.contains(_YEAR).all():
        return []
    kinds = [Kind("date", form) for form in _DATES]
    kinds += [Kind("datetime", f"{day}{gap}{clock}") for day in _DATES for clock in _CLOCKS for gap in " T"]
    kinds += [Kind("zoned", form) for form in _ZONED]
    first = values.head(1)
    return [
        kind
        for kind in kinds
        if not first.to_frame("v").select(kind.parse(pl.col("v")))["v"].has_nulls()
        and not values.to_frame("v").select(kind.parse(pl.col("v")))["v"].has_nulls()
    ]


def _fitting(frame: pl.LazyFrame, possible: dict[str, list[Kind]]) -> dict[str, list[bool]]:
    """For each column and possible kind: does every known value of the whole column fit? Floats are only asked for
    where whole numbers did not fit: that is one pass over the file less for most files."""
    first = {name: [kind for kind in kinds if kind != FLOAT or INT not in kinds] for name, kinds in possible.items()}
    fits = _fits(frame, first)
    broken = {name: [FLOAT] for name, kinds in possible.items() if INT in kinds and not fits[name, INT]}
    fits |= _fits(frame, broken)
    return {name: [fits.get((name, kind), False) for kind in kinds] for name, kinds in possible.items()}


def _fits(frame: pl.LazyFrame, asked: dict[str, list[Kind]]) -> dict[tuple[str, Kind], bool]:
    import polars as pl

    pairs = [(name, kind) for name, kinds in asked.items() for kind in kinds]
    wanted = []
    for number, (name, kind) in enumerate(pairs):
        known = _known(pl.col(name).str.strip_chars())
        misfit = known.is_not_null() & kind.parse(known).is_null()
        if kind in (INT, FLOAT):
            code = known.str.starts_with("0") & (known.str.len_bytes() > 1) & ~known.str.starts_with("0.")
            misfit = misfit | (code & ~known.str.starts_with("0e"))
        wanted.append(misfit.any().alias(str(number)))
    answers: dict[str, Any] = frame.select(wanted).collect(engine="streaming").row(0, named=True) if wanted else {}
    return {pair: not answers[str(number)] for number, pair in enumerate(pairs)}


def _choose(name: str, possible: list[Kind], fits: list[bool], findings: list[Finding]) -> Kind:
    left = [kind for kind, fit in zip(possible, fits, strict=True) if fit]
    if len({kind.format for kind in left if kind.format}) > 1:
        forms = " or ".join(kind.format for kind in left[:2])
        findings.append(
            Finding(
                kind="ambiguous-date",
                column=name,
                text=f"dates could be {forms}: kept as text; parse them in prepare",
            )
        )
        return TEXT
    return left[0] if left else TEXT


def _near_misses(head: pl.Series, name: str) -> list[Finding]:
    """Text that is nearly numbers: said, never guessed."""
    import polars as pl

    values = head.str.strip_chars()
    values = values.filter(~values.is_in(NULLS)).drop_nulls()
    if values.is_empty():
        return []
    number = values.cast(pl.Float64, strict=False).is_not_null()
    comma = values.str.contains(_DECIMAL_COMMA)
    if (comma | number).mean() == 1 and comma.any():
        return [
            Finding(
                kind="decimal-comma",
                column=name,
                text=f"{values.filter(comma)[0]!r} could be a decimal comma or thousands: kept as text; "
                "replace the comma in prepare",
            )
        ]
    share = float(number.mean() or 0.0)  # type: ignore[arg-type]
    if _MOSTLY <= share < 1:
        odd = values.filter(~number)[0]
        text = f"{share:.0%} of the values are numbers, but not {odd!r}: kept as text; clean it in prepare"
        return [Finding(kind="mixed", column=name, text=text)]
    return []
