"""A number for every row, from its values alone: equal rows have equal numbers on every machine and in every version.

polars' own row hash changes between its versions; a split that hung on it would change with them. Numbers are hashed
by their value (1 and 1.0 alike, -0.0 as 0.0), text by BLAKE2b of its UTF-8, missing values as one fixed number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolkit.domain.errors import missing_extra

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Numbers = np.ndarray[Any, np.dtype[np.uint64]]

_NULL = 0x9E3779B97F4A7C15
_STEP = 0x2545F4914F6CDD1D


def row_hashes(frame: pl.DataFrame, columns: Sequence[str]) -> Numbers:
    """uint64, one a row, over `columns` in the order given."""
    try:
        import numpy as np
    except ImportError as error:
        raise missing_extra("numpy", "data") from error

    total = np.full(len(frame), 0x6A09E667F3BCC908, dtype=np.uint64)
    for name in columns:
        total = mixed(total * np.uint64(_STEP) + _column(frame[name]))
    return total


def mixed(values: Numbers) -> Numbers:
    """SplitMix64's finalizer: a bijection that spreads near numbers over the whole range."""
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def seeded(values: Numbers, seed: int) -> Numbers:
    """Another order of the same numbers for every seed."""
    import numpy as np

    return mixed(values ^ mixed(np.full(1, seed % 2**64, dtype=np.uint64)))


def _column(values: pl.Series) -> Numbers:
    import numpy as np
    import polars as pl

    if values.dtype == pl.String:
        return _texts(values)
    if values.dtype.is_temporal():
        values = values.cast(pl.Int64 if values.dtype != pl.Date else pl.Int32)
    numbers = values.cast(pl.Float64).fill_nan(None)
    bits = (numbers.fill_null(0.0).to_numpy() + 0.0).view(np.uint64)
    if values.dtype.is_integer():  # past 2**53 neighbours would share a float
        whole = values.fill_null(0).cast(pl.Int64).to_numpy()
        bits = np.where(np.abs(whole) > 2**53, mixed(whole.view(np.uint64)), bits)
    missing = numbers.is_null().to_numpy()
    return np.where(missing, np.uint64(_NULL), mixed(bits))


def _texts(values: pl.Series) -> Numbers:
    import numpy as np
    import polars as pl

    distinct = values.drop_nulls().unique()
    hashes = [int.from_bytes(hashlib.blake2b(t.encode(), digest_size=8).digest(), "little") for t in distinct]
    table = pl.DataFrame({"text": distinct, "hash": pl.Series(hashes, dtype=pl.UInt64)})
    found = values.to_frame("text").join(table, on="text", how="left", maintain_order="left")["hash"]
    numbers: Numbers = found.fill_null(pl.lit(_NULL, dtype=pl.UInt64)).to_numpy()
    return numbers.astype(np.uint64)
