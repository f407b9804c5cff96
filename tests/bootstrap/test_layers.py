"""Layers, origins, and mistakes named with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.bootstrap import files, layers
from toolkit.bootstrap.context import open_context
from toolkit.domain.errors import ConfigError

TEXT = """
[project]
name = "flights"

[serve]
memory = "2Gi"

[targets.dev]
provider = "local"

[targets.prod]
provider = "local"
[targets.prod.serve]
memory = "4Gi"
"""


def written(folder: Path, text: str = TEXT) -> files.Source:
    (folder / "toolkit.toml").write_text(text)
    return files.find(folder, environ={})


def test_flag_beats_variable_beats_target_beats_base_beats_default(tmp_path: Path) -> None:
    source = written(tmp_path)
    variable = {"TOOLKIT_SERVE__MEMORY": "8Gi"}
    assert layers.merge(source, "dev", environ={}).project.serve.memory == "2Gi"
    assert layers.merge(source, "prod", environ={}).project.serve.memory == "4Gi"
    assert layers.merge(source, "prod", environ=variable).project.serve.memory == "8Gi"
    assert layers.merge(source, "prod", ["serve.memory=9Gi"], environ=variable).project.serve.memory == "9Gi"
    assert layers.merge(source, "dev", environ={}).project.serve.timeout == "30s"


def test_origins_say_where_each_value_came_from(tmp_path: Path) -> None:
    source = written(tmp_path)
    origins = layers.merge(source, "prod", ["serve.timeout=5s"], environ={"TOOLKIT_TRAIN__CPU": "2"}).origins
    assert origins["serve.memory"] == "toolkit.toml:14"
    assert origins["serve.timeout"] == "--set"
    assert origins["train.cpu"] == "TOOLKIT_TRAIN__CPU"
    assert origins["name"] == "toolkit.toml:3"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[serve]\nmemroy = '1Gi'", "toolkit.toml:2: unknown key 'memroy' in serve; did you mean 'memory'?"),
        ("[srve]\nmemory = '1Gi'", "unknown key 'srve' in the top level; did you mean 'serve'?"),
        ("[serve]\nmemory = 'lots'", "toolkit.toml:2: serve.memory: not a size"),
        ("[data.split]\ntest = 2", "toolkit.toml:2: data.split.test"),
        ("[[gates]]\nmetric = 'roc_auc'", "no bound"),
        ("name = 'Bad Name'", "project name 'Bad Name'"),
        ("[targets.local]\nprovider = 'locl'", "unknown provider 'locl'"),
        ("[targets.local]\nprovider = 'local'\nlocla = {}", "unknown key 'locla'"),
        ("default_target = 'prod'", "unknown target 'prod'"),
        ("name = ", "not valid TOML"),
    ],
)
def test_a_mistake_names_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        layers.merge(written(tmp_path, text), environ={})
    assert said in str(caught.value)


def test_a_provider_that_can_be_played_here_needs_no_table(tmp_path: Path) -> None:
    played = layers.merge(written(tmp_path, ""), "aws-local", environ={}).target_config
    assert (played.provider, played.model_extra) == ("aws", {"aws": {"emulator": "moto"}})
    table = "[targets.aws-local]\nprovider = 'aws'\n[targets.aws-local.aws]\nemulator = 'ministack'"
    own = layers.merge(written(tmp_path, table), "aws-local", environ={}).target_config
    assert own.model_extra == {"aws": {"emulator": "ministack"}}
    for name in ("memory-local", "-local", "nobody-local"):
        with pytest.raises(ConfigError, match="unknown target"):
            layers.merge(written(tmp_path, ""), name, environ={})


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    source = written(tmp_path, "[serve]\nmemory = 'lots'\ntimeout = 'soon'\n[train]\ncpu = 0")
    with pytest.raises(ConfigError) as caught:
        layers.merge(source, environ={})
    assert len(str(caught.value).splitlines()) == 3


def test_pyproject_holds_a_project_too(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.toolkit]\nname = "inside"\n[tool.toolkit.serve]\nmemory = "3Gi"')
    (tmp_path / "deep").mkdir()
    merged = layers.merge(files.find(tmp_path / "deep", environ={}), environ={})
    assert (merged.project.name, merged.origins["serve.memory"]) == ("inside", "pyproject.toml:4")


def test_a_context_binds_every_port_with_absolute_paths(tmp_path: Path) -> None:
    written(tmp_path)
    context = open_context(tmp_path, environ={})
    assert context.bindings["store"].settings["store"] == str(tmp_path / ".toolkit/store")
    assert set(context.bindings) == {"store", "jobs", "functions", "schedules", "secrets", "alerts", "metrics"}


def test_settings_of_a_provider_are_checked(tmp_path: Path) -> None:
    written(tmp_path, '[targets.dev]\nprovider = "local"\n[targets.dev.local]\nprot = 1')
    with pytest.raises(ConfigError, match=r"toolkit.toml:4: targets.dev.local.prot"):
        open_context(tmp_path, environ={})


def test_no_project_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        files.find(tmp_path, environ={})
    assert "toolkit init" in caught.value.hint
