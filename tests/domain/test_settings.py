"""What the tables of several providers take, and what they refuse with words that help."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from toolkit.domain.settings import MAX_PREFIX, Prefix, Url


@pytest.mark.parametrize(
    ("given", "kept"), [("", ""), ("a", "a"), ("/a/b/", "a/b"), ("x" * MAX_PREFIX, "x" * MAX_PREFIX)]
)
def test_a_prefix_is_a_folder(given: str, kept: str) -> None:
    assert TypeAdapter(Prefix).validate_python(given) == kept


@pytest.mark.parametrize(
    ("given", "says"), [("x" * (MAX_PREFIX + 1), "at most 100"), ("a//b", "a//b"), ("../a", r"\.\./a"), ("a\nb", "a")]
)
def test_a_prefix_that_no_key_could_begin_with(given: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        TypeAdapter(Prefix).validate_python(given)


@pytest.mark.parametrize("given", ["", "http://127.0.0.1:9000", "https://s3.example.org", "http://[::1]:80"])
def test_an_address(given: str) -> None:
    assert TypeAdapter(Url).validate_python(given) == given
    assert TypeAdapter(Url).validate_python(f"{given}/" if given else "") == given


@pytest.mark.parametrize("given", ["127.0.0.1:9000", "ftp://a", "http://a/b", "http://user@a", "http://a?b", "http://"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(ValidationError, match=r"is not http\(s\)://host:port"):
        TypeAdapter(Url).validate_python(given)
