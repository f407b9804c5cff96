"""`python -m tests.infra.write` writes infra/aws/ anew from the description in toolkit/adapters/aws/operator."""

from __future__ import annotations

from pathlib import Path

from toolkit.adapters.aws.operator import cloudformation, terraform

ROOT = Path(__file__).resolve().parents[2] / "infra" / "aws"


def files() -> dict[Path, str]:
    """Path -> what it should hold."""
    module = {ROOT / "terraform" / name: text for name, text in terraform.module().items()}
    return {ROOT / "template.yaml": cloudformation.template(), **module}


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
