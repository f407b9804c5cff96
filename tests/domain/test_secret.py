from __future__ import annotations

import pytest

from toolkit.domain.errors import ConfigError
from toolkit.domain.secret import MAX_BYTES, check_name, check_value


def test_what_may_be_a_secret() -> None:
    assert check_name("team-hook") == "team-hook"
    assert check_value("a", "ä\n") == "ä\n".encode()
    assert len(check_value("a", "x" * MAX_BYTES)) == MAX_BYTES


@pytest.mark.parametrize(
    ("value", "why"), [("", "empty"), ("x" * (MAX_BYTES + 1), "65537 bytes"), ("x\udc80", "not text")], ids=str.__len__
)
def test_what_may_not(value: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        check_value("a", value)
    assert refused.value.__context__ is None


def test_a_name_like_a_variable_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError) as refused:
        check_name("SLACK_WEBHOOK")
    assert "'slack-webhook'" in refused.value.hint
