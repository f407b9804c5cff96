"""Joins and cleaning: what leaves here is what the endpoint is asked with. Row-wise features live in `train.py`."""

import polars as pl

WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]


def prepare(frame: pl.DataFrame, weather: pl.DataFrame, planes: pl.DataFrame) -> pl.DataFrame:
    """One row per flight that arrived, with the weather at its departure and its plane."""
    weather = weather.unique(["origin", "time_hour"], keep="first", maintain_order=True)
    weather = weather.select("origin", "time_hour", *WEATHER)
    return (
        frame.filter(pl.col("arr_delay").is_not_null())
        .join(weather, on=["origin", "time_hour"], how="left", maintain_order="left")
        .join(planes.select("tailnum", "seats", built="year"), on="tailnum", how="left", maintain_order="left")
        .select(
            "time_hour", "carrier", "origin", "dest", "distance", "hour", "minute", *WEATHER, "seats", "built",
            late=pl.col("arr_delay") > 15,
        )
        .sort("time_hour", maintain_order=True)
    )  # fmt: skip


def prepare_shuffled(frame: pl.DataFrame, weather: pl.DataFrame, planes: pl.DataFrame) -> pl.DataFrame:
    """The same flights with their dates dealt out at random: no season is left, so there is no drift to find."""
    prepared = prepare(frame, weather, planes)
    return prepared.with_columns(pl.col("time_hour").shuffle(seed=7)).sort("time_hour", maintain_order=True)
