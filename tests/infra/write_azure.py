"""`python -m tests.infra.write_azure` writes infra/azure/ anew from toolkit/adapters/azure/operator.

The default way of functions is committed; the other is the same text but for a few things, so `toolkit export infra`
writes it for who asks, and the tests hold both.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.adapters.azure.operator import template

ROOT = Path(__file__).resolve().parents[2] / "infra" / "azure"


def files() -> dict[Path, str]:
    """Path -> what it should hold."""
    return written(ROOT, "containerapps")


def written(root: Path, way: str) -> dict[Path, str]:
    """Path below `root` -> text, of a way of functions."""
    return {root / name: text for name, text in template.files(functions=way).items()}


def write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    write(files())
