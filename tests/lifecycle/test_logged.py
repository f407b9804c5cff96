"""Rows that lie in files, against the champion's baseline."""

from __future__ import annotations

import polars as pl
import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit.data import snapshot
from toolkit.domain.errors import DataError, NotFound
from toolkit.lifecycle import logged, promote, train
from toolkit.state.reports import Reports


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A champion, and a table like the one it was trained on in Parquet and CSV files."""
    shop = make_shop(tmp_path_factory.mktemp("logged"))
    with pytest.raises(NotFound, match="has no version yet"):
        logged.run(shop.ctx, "logs.parquet")
    dataset = shop.dataset()
    with pytest.raises(NotFound):
        logged.run(shop.ctx, "logs.parquet")
    promote.run(shop.ctx, train.run(shop.ctx, dataset=dataset).version)
    other = snapshot.load(shop.ctx.store, shop.dataset(800, seed=3), shop.folder / "parts").collect()
    other.write_parquet(shop.folder / "logs.parquet")
    other[:400].write_csv(shop.folder / "log-1.csv")
    other[400:].write_csv(shop.folder / "log-2.csv")
    return shop


def test_parquet_and_csv_are_the_same_report(shop: Shop) -> None:
    one, other = logged.run(shop.ctx, "logs.parquet"), logged.run(shop.ctx, "log-*.csv")
    assert (one.verdict, one.rows, one.columns) == ("ok", 800, other.columns)
    assert "prediction" not in {column.name for column in one.columns}
    assert Reports(shop.ctx.store, "test", "shop").latest() is None, "nothing is stored"


def test_what_moved_is_named_and_a_column_of_scores_counts(shop: Shop) -> None:
    moved = pl.read_parquet(shop.folder / "logs.parquet").with_columns(pl.col("amount") * 3, score=0.99)
    moved.write_parquet(shop.folder / "moved.parquet")
    found = logged.run(shop.ctx, "moved.parquet", scores=["score"])
    assert {c.name for c in found.columns if c.verdict == "drift"} == {"amount", "prediction"}


def test_files_that_are_not_there_or_lack_a_feature(shop: Shop) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        logged.run(shop.ctx, "none.parquet")
    pl.DataFrame({"amount": [1.0]}).write_csv(shop.folder / "short.csv")
    with pytest.raises(DataError, match="columns are missing"):
        logged.run(shop.ctx, "short.csv")
