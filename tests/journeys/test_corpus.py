"""Unrelated real files through the whole loop, with no edit and no further argument. See tests/corpus/README.md."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from tests.support import Shell

CORPUS = Path(__file__).parents[1] / "corpus"
INDEX = json.loads((CORPUS / "index.json").read_text())
LOOP = ("train", "promote --yes", "deploy --yes", "invoke --sample 3 --json", "drift --json", "destroy --yes --json")


@pytest.mark.slow
@pytest.mark.parametrize("entry", INDEX, ids=[entry["file"] for entry in INDEX])
def test_a_file_passes_the_whole_loop(entry: dict[str, str], tmp_path: Path, shell: Shell) -> None:
    shutil.copyfile(CORPUS / entry["file"], tmp_path / entry["file"])
    folder = tmp_path / "project"
    shell.ok(f"init project --from {entry['file']} --label {shlex.quote(entry['label'])}", tmp_path)
    try:
        documents = [shell.ok(command, folder) for command in LOOP]
    finally:
        shell.run("destroy --yes", folder)
    assert len(documents[3].data["predictions"]) == 3
    assert documents[4].data["report"]["verdict"] == "not enough data"
    assert documents[5].data["left"] == []


def test_there_are_at_least_twenty() -> None:
    assert len({entry["file"] for entry in INDEX}) >= 20
