from __future__ import annotations

from toolkit.cli.commands.drift import BARS, sparkline
from toolkit.domain.records import Shape


def test_both_sides_have_one_scale_and_little_is_not_nothing() -> None:
    shape = Shape(labels=("a", "b", "c"), reference=(0.5, 0.5, 0.0), window=(0.001, 0.0, 0.999))
    assert sparkline(shape, "reference") == f"|{BARS[4]}{BARS[4]} |"
    assert sparkline(shape, "window") == f"|{BARS[1]} {BARS[-1]}|"
    assert sparkline(None, "window") == ""
