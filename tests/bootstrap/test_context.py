"""A provider is what its settings make of it, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.bootstrap.context import open_context

TOML = """
[project]
name = "shop"

[targets.prod]
provider = "azure"

[targets.prod.azure]
{more}
"""


@pytest.mark.parametrize("emulator", ["", 'emulator = "azure"\n'])
@pytest.mark.parametrize(("functions", "offered"), [("containerapps", True), ("functions", False)])
def test_ways_that_the_settings_choose_are_what_is_offered(
    tmp_path: Path, emulator: str, functions: str, *, offered: bool
) -> None:
    (tmp_path / "toolkit.toml").write_text(TOML.format(more=f'{emulator}functions = "{functions}"'))
    ctx = open_context(tmp_path, target="prod")
    for port in ("functions", "store"):
        provider = ctx.provider(port)
        assert provider.offers("functions.weights") is offered
        assert provider.offers("functions.beside") is offered
        assert provider.offers("functions.versions")
        assert provider.limits["function_timeout_seconds"] == (240 if offered else 230)
    assert (ctx.provider("functions").function_python == "host") is bool(emulator)
