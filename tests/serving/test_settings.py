from __future__ import annotations

import pytest

from toolkit.domain.errors import ConfigError
from toolkit.serving import settings


def test_defaults_and_what_is_set() -> None:
    assert settings.read({}) == settings.Settings()
    found = settings.read({"limits": {"max_rows": 5}, "capture": {"features": True}, "replay": True, "newer": 1})
    assert (found.limits.max_rows, found.capture.features, found.replay) == (5, True, True)
    assert found.limits.max_body == settings.Limits().max_body


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(ConfigError, match=r"limits\.max_rows"):
        settings.read({"limits": {"max_rows": "many"}})
