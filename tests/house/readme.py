"""The generated parts of the README: tree, commands, exit codes. `python -m tests.house.readme` writes them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from toolkit.cli.commands import TABLE

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
FLOORS = (
    "cli", "entry", "bootstrap", "lifecycle", "engine", "resources", "models", "data", "packaging", "serving", "state",
    "quality", "testing", "adapters", "execution", "ports", "domain",
)  # fmt: skip
BESIDE = {
    "functions/": "what is deployed: inference and the drift check",
    "examples/": "real projects on real data",
    "benchmarks/": "side-by-side measurements",
    "tests/": "mirror of toolkit/, conformance/, journeys/, house/",
}
EXIT_CODES = {
    0: "ok", 1: "failed", 2: "usage or configuration", 3: "a gate refused", 4: "not found", 5: "conflict or locked",
    6: "credentials or permission", 7: "provider unavailable or full", 8: "`plan --exit-code` found changes",
    130: "interrupted",
}  # fmt: skip


def story(package: Path) -> str:
    """The first sentence of a package's docstring."""
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    first = re.split(r"(?<=[.:;])\s|\n\n", text.replace("\n", " "), maxsplit=1)[0]
    return first.rstrip(".:;")


def tree() -> str:
    """The floors, from the roof down, each with its one sentence."""
    lines = ["toolkit/"]
    lines += [f"  {name + '/':<12} {story(ROOT / 'toolkit' / name)}" for name in FLOORS]
    lines += [f"{name:<14} {text}" for name, text in BESIDE.items()]
    return "```text\n" + "\n".join(lines) + "\n```"


def commands() -> str:
    return "\n".join(["| command | |", "|---|---|", *(f"| `toolkit {n}` | {text} |" for n, (_, text) in TABLE.items())])


def exit_codes() -> str:
    return "\n".join(["| code | meaning |", "|---|---|", *(f"| {c} | {text} |" for c, text in EXIT_CODES.items())])


SECTIONS = {"tree": tree, "commands": commands, "exit codes": exit_codes}


def replaced(text: str, name: str, body: str) -> str:
    """`text` with the body between the markers of `name` exchanged."""
    start, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"README.md has no section {name!r}")
    return f"{before}{start}\n{body}\n{end}{after}"


def section(text: str, name: str) -> str:
    return text.partition(f"<!-- generated: {name} -->\n")[2].partition(f"\n<!-- end: {name} -->")[0]


def main() -> None:
    text = README.read_text()
    for name, make in SECTIONS.items():
        text = replaced(text, name, make())
    README.write_text(text)


if __name__ == "__main__":
    main()
