from toolkit.state.numbers import finite


def test_only_numbers_are_kept() -> None:
    assert finite({"a": 1, "b": float("nan"), "c": float("-inf"), "d": 0.5}) == {"a": 1.0, "d": 0.5}
