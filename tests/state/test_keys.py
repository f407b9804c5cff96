from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.domain import times
from toolkit.domain.errors import ConfigError
from toolkit.domain.names import check_key
from toolkit.state import keys

DIGEST = "0123456789abcdef" * 4
NAMES = st.from_regex(r"[a-z](-?[a-z0-9]){0,15}", fullmatch=True)
TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z")


@given(one=NAMES, other=NAMES, time=TIMES, index=st.integers(1, 10**15))
def test_every_key_is_a_valid_key(one: str, other: str, time: str, index: int) -> None:
    for journal in (
        keys.registry(one),
        keys.releases(one, other),
        keys.triggers(one),
        keys.incidents(one, other),
        keys.datasets(one),
    ):
        check_key(keys.entry(journal, index))
        check_key(keys.checkpoint(journal))
    for key in (
        keys.blob(DIGEST),
        keys.dataset(one, DIGEST),
        keys.run_spec(DIGEST),
        keys.run_claim(one),
        keys.run_end(one),
        keys.run_segment(one, "w", 3),
        keys.run_log(one, 3),
        keys.run_tail(one),
        keys.run_part(DIGEST),
        keys.lease(one),
        keys.lease_clock(one),
        keys.profile(one, other, DIGEST, time, "w-1"),
        keys.capture(one, other, time, "w-1"),
        keys.feedback(one, other, time, "w-1"),
        keys.report(one, other, f"{time}/{time}", DIGEST),
    ):
        check_key(key)


@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "../a", "a--b", "-a", "a" * 41, "ä", "a\n"])
def test_a_bad_name_never_becomes_a_key(name: str) -> None:
    makers: tuple[Callable[[], str], ...] = (
        lambda: keys.registry(name),
        lambda: keys.releases(name, "x"),
        lambda: keys.releases("x", name),
        lambda: keys.triggers(name),
        lambda: keys.incidents(name, "x"),
        lambda: keys.datasets(name),
        lambda: keys.dataset(name, "v"),
        lambda: keys.profile(name, "x", DIGEST, "2013-07-01", "n"),
        lambda: keys.captures("x", name),
        lambda: keys.reports(name, "x"),
    )
    for make in makers:
        with pytest.raises(ConfigError):
            make()


@pytest.mark.parametrize("run_id", ["", "a/b", "../x", "A", ".", "a" * 101, "a b"])
def test_a_bad_run_id_never_becomes_a_key(run_id: str) -> None:
    with pytest.raises(ConfigError, match="run"):
        keys.run_spec(run_id)


@pytest.mark.parametrize("digest", ["", "abc", DIGEST.upper(), DIGEST + "0", "../" + DIGEST[3:]])
def test_what_is_no_digest_is_no_blob(digest: str) -> None:
    with pytest.raises(ConfigError, match="SHA-256"):
        keys.blob(digest)


@given(one=TIMES, other=TIMES)
def test_stamps_sort_as_the_times_do(one: str, other: str) -> None:
    assert (keys.stamp(one) < keys.stamp(other)) == (times.parse(one) < times.parse(other))


def test_a_window_is_one_segment() -> None:
    window = "2013-07-01T00:00:00Z/2013-08-01T00:00:00Z"
    assert keys.window_stamp(window) == "20130701T000000.000000Z_20130801T000000.000000Z"
    assert keys.report("prod", "flights", window, DIGEST).endswith("-0123456789abcdef.json")
