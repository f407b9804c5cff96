"""HCL of blocks, maps, lists and scalars: all that a Terraform module here is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


class Expression(str):
    """Written as it is: `var.vpc`."""

    __slots__ = ()


@dataclass(frozen=True)
class Call:
    """`function(value)`."""

    function: str
    value: Any


@dataclass(frozen=True)
class Block:
    """`head { ... }`, as in `resource "aws_sns_topic" "alerts"`; `notes` are comments at its beginning."""

    head: str
    attributes: dict[str, Any]
    blocks: tuple[Block, ...] = ()
    notes: tuple[str, ...] = field(default=())


def text(*blocks: Block) -> str:
    """The file, with the `=` of neighbours aligned as `terraform fmt` does it."""
    return "\n\n".join("\n".join(_block(block, "")) for block in blocks) + "\n"


def _block(block: Block, indent: str) -> Iterator[str]:
    inner = f"{indent}  "
    yield f"{indent}{block.head} {{"
    yield from (f"{inner}# {note}" for note in block.notes)
    if block.notes and (block.attributes or block.blocks):
        yield ""
    yield from _attributes(block.attributes, inner)
    for number, nested in enumerate(block.blocks):
        if number or block.attributes:
            yield ""
        yield from _block(nested, inner)
    yield f"{indent}}}"


def _attributes(attributes: dict[str, Any], indent: str) -> Iterator[str]:
    """One line each or several; only runs of one-liners are aligned."""
    written = {_key(key): list(_value(value, indent)) for key, value in attributes.items()}
    names = list(written)
    for index, (name, lines) in enumerate(written.items()):
        run = [name] if len(lines) > 1 else _run(names, written, index)
        pad = max(len(each) for each in run)
        yield f"{indent}{name.ljust(pad)} = {lines[0]}"
        yield from lines[1:]


def _run(names: list[str], written: dict[str, list[str]], index: int) -> list[str]:
    """The names of one-liners around `index` without another between them."""
    first = last = index
    while first > 0 and len(written[names[first - 1]]) == 1:
        first -= 1
    while last + 1 < len(names) and len(written[names[last + 1]]) == 1:
        last += 1
    return names[first : last + 1]


def _value(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Call):
        lines = list(_value(value.value, indent))
        yield f"{value.function}({lines[0]}" + (")" if len(lines) == 1 else "")
        yield from lines[1:-1]
        if len(lines) > 1:
            yield f"{lines[-1]})"
    elif isinstance(value, dict):
        yield "{"
        yield from _attributes(value, f"{indent}  ")
        yield f"{indent}}}"
    elif isinstance(value, (list, tuple)) and len(value) > 1:
        yield "["
        for item in value:
            lines = list(_value(item, f"{indent}  "))
            yield f"{indent}  {lines[0]}" + ("," if len(lines) == 1 else "")
            yield from lines[1:-1]
            if len(lines) > 1:
                yield f"{lines[-1]},"
        yield f"{indent}]"
    elif isinstance(value, (list, tuple)):
        lines = list(_value(value[0], indent)) if value else [""]
        yield f"[{lines[0]}" + ("]" if len(lines) == 1 else "")
        yield from lines[1:-1]
        if len(lines) > 1:
            yield f"{lines[-1]}]"
    else:
        yield value if isinstance(value, Expression) else json.dumps(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key) else json.dumps(key)
