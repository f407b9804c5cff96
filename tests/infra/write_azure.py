"""`python -m tests.infra.write_azure` writes infra/azure/ anew from toolkit/adapters/azure/operator."""

from __future__ import annotations

from pathlib import Path

from toolkit.adapters.azure.operator import template

ROOT = Path(__file__).resolve().parents[2] / "infra" / "azure"


def files() -> dict[Path, str]:
    """Path -> what it should hold."""
    ways = {ROOT: "containerapps", ROOT / "functions": "functions"}
    return {root / name: text for root, way in ways.items() for name, text in template.files(functions=way).items()}


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
