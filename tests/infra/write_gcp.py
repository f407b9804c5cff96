"""`python -m tests.infra.write_gcp` writes infra/gcp/ anew from the description in toolkit/adapters/gcp/operator."""

from __future__ import annotations

from pathlib import Path

from toolkit.adapters.gcp.operator import terraform

ROOT = Path(__file__).resolve().parents[2] / "infra" / "gcp"


def files() -> dict[Path, str]:
    """Path -> what it should hold."""
    return {ROOT / "terraform" / name: text for name, text in terraform.module().items()}


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
