"""What every keeper of secrets must do: give them back exactly, and to nobody by accident."""

from __future__ import annotations

import traceback
from uuid import uuid4

import pytest

from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.secret import MAX_BYTES
from toolkit.ports.secrets import Secrets
from toolkit.testing.claims import Suite, claims


def new_name() -> str:
    return f"probe-{uuid4().hex[:12]}"


class SecretsSuite(Suite):
    """Give the fixtures `secrets` and `second`, another handle on the same secrets; clean up after them."""

    @claims("secrets.store")
    @pytest.mark.parametrize(
        "value",
        [
            "s",
            "two\nlines\n",
            "  spaces  ",
            "\x00\x01",
            '{"a": "ä"}',
            "\r\n",
            pytest.param("x" * MAX_BYTES, id="largest"),
        ],
    )
    def test_a_value_comes_back_exactly(self, secrets: Secrets, second: Secrets, value: str) -> None:
        name = new_name()
        secrets.put(name, value)
        assert secrets.get(name) == second.get(name) == value

    @claims("secrets.store")
    def test_putting_again_replaces(self, secrets: Secrets) -> None:
        name = new_name()
        secrets.put(name, "the first, which is longer")
        secrets.put(name, "second")
        assert secrets.get(name) == "second"
        assert list(secrets.list()).count(name) == 1

    @claims("secrets.store")
    def test_names_are_listed_in_order(self, secrets: Secrets) -> None:
        names = [new_name() for _ in range(4)]
        for name in names:
            secrets.put(name, "value")
        assert [name for name in secrets.list() if name in names] == sorted(names)

    @claims("secrets.store")
    def test_deleted_is_gone(self, secrets: Secrets) -> None:
        name = new_name()
        secrets.put(name, "value")
        secrets.delete(name)
        secrets.delete(name)
        assert name not in list(secrets.list())
        with pytest.raises(NotFound) as missing:
            secrets.get(name)
        assert name in str(missing.value)
        secrets.put(name, "again")
        assert secrets.get(name) == "again"

    @claims("secrets.store")
    @pytest.mark.parametrize(
        "value",
        [
            pytest.param("", id="empty"),
            pytest.param("ä" * (MAX_BYTES // 2) + "x", id="too long"),
            pytest.param("surrogate \ud800", id="no text"),
        ],
    )
    def test_a_value_that_cannot_be_kept_is_refused_unseen(self, secrets: Secrets, value: str) -> None:
        name = new_name()
        secrets.put(name, "before")
        with pytest.raises(ConfigError) as refused:
            secrets.put(name, value)
        assert not value or value not in _said(refused.value)
        assert secrets.get(name) == "before"

    @claims("secrets.store")
    @pytest.mark.parametrize("name", ["", "../a", "A", "a b", "a/b", "a--b", "a" * 41, ".a", "a\n"])
    def test_a_bad_name_is_refused_without_the_value(self, secrets: Secrets, name: str) -> None:
        value = uuid4().hex
        with pytest.raises(ConfigError) as refused:
            secrets.put(name, value)
        assert value not in _said(refused.value)
        with pytest.raises(ConfigError):
            secrets.get(name)

    @claims("secrets.store")
    def test_a_handle_does_not_show_values(self, secrets: Secrets) -> None:
        secrets.put(new_name(), "hidden-value")
        assert "hidden-value" not in f"{secrets!r} {secrets}"


def _said(error: BaseException) -> str:
    """All that an error could show: its traceback, and every error that hangs on it, printed or not."""
    said = "".join(traceback.format_exception(error))
    found: BaseException | None = error
    while found is not None:
        said += f"{found!r} {found} {found.args!r} {vars(found)!r}"
        found = found.__cause__ or found.__context__
    return said
