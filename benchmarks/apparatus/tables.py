"""A benchmark's document as tables: subjects measured alike side by side, the rest one by one, the ratios last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.apparatus.aims import AIMS, Aim

Table = list[list[str]]  # the first line is the head
Row = Mapping[str, Any]  # {"name", "value", "unit"}


def of(benchmark: str, document: Mapping[str, Any]) -> list[Table]:
    found: list[Table] = []
    single: Table = [["", ""]]
    for group in _groups(document["rows"]):
        if len({_parts(row)[0] for row in group}) > 1:
            found.append(_side_by_side(group))
        else:
            single += [[row["name"], _number(row["value"], row["unit"])] for row in group]
    found += [single] if len(single) > 1 else []
    ratios = _ratios(AIMS.get(benchmark, {}), document)
    return [*found, ratios] if len(ratios) > 1 else found


def markdown(tables: Sequence[Table]) -> str:
    def lines(table: Table) -> list[str]:
        rows = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in table]
        return [rows[0], "|" + "---|" * len(table[0]), *rows[1:]]

    return "\n\n".join("\n".join(lines(table)) for table in tables)


def plain(tables: Sequence[Table]) -> str:
    def lines(table: Table) -> list[str]:
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        texts = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return [text.rstrip() for text in texts if text.strip()]

    return "\n\n".join("\n".join(lines(table)) for table in tables)


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of subjects that have a measure in common are together; all others one by one, in the order they came."""
    groups: list[tuple[set[str], list[Row]]] = []
    for row in rows:
        subject, measure = _parts(row)
        keys = {f"subject {subject}", f"measure {measure}"} if subject else {f"alone {len(groups)}"}
        joined = [group for group in groups if group[0] & keys]
        if not joined:
            groups.append((keys, [row]))
            continue
        first, *others = joined
        for other in others:
            first[0].update(other[0])
            first[1].extend(other[1])
            groups.remove(other)
        first[0].update(keys)
        first[1].append(row)
    return [members for _, members in groups]


def _parts(row: Row) -> tuple[str, str]:
    """(subject, measure with its unit); no subject where a row stands alone."""
    subject, _, measure = row["name"].rpartition(": ")
    if not subject or row["unit"] == "not measured":
        return "", row["name"]
    return subject, f"{measure} ({row['unit']})" if row["unit"] else measure


def _side_by_side(rows: Sequence[Row]) -> Table:
    values = {_parts(row): _number(row["value"]) for row in rows}
    subjects, measures = (list(dict.fromkeys(names)) for names in zip(*values, strict=True))
    return [["", *measures], *([s, *(values.get((s, m), "") for m in measures)] for s in subjects)]


def _ratios(aims: Mapping[str, Aim], document: Mapping[str, Any]) -> Table:
    """Every ratio, and the rows that something is aimed at."""
    rows = {row["name"]: row for row in document["rows"] if row["name"] in aims and row["value"] is not None}
    measured = [(name, row["value"], row["unit"]) for name, row in rows.items()]
    measured += [(name, value, "x") for name, value in document["ratios"].items()]
    found: Table = [["", "measured", "aim"]]
    for name, value, unit in measured:
        aim = aims.get(name)
        said = f"{aim.word} {_number(aim.value, unit)}: {'met' if aim.met(value) else 'missed'}" if aim else ""
        found.append([name, _number(value, unit), said])
    return found


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return unit or "-"
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return f"{text}{unit}" if unit in ("x", "") else f"{text} {unit}"
