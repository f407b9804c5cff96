"""The model card: one Markdown page with what a person should know before they rely on a model.

Like the manifest it holds no time and no name of a person, so that equal training gives an equal page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from toolkit.domain.records import Feature, ModelManifest, RunSpec

SHOWN_SLICES = 40


def card(manifest: ModelManifest, spec: RunSpec, *, training_rows: int, test_rows: int) -> bytes:
    """UTF-8 Markdown."""
    lines = [
        f"# {manifest.model}",
        "",
        _purpose(manifest),
        "",
        *_section("Data", _data(manifest, training_rows, test_rows)),
        *_section("Metrics on the test rows", _table(("metric", "value"), _metrics(manifest.metrics))),
        *_section("Metrics by slice", _slices(manifest)),
        *_section("Inputs", _table(("feature", "type", "may be missing", "seen in training"), _inputs(manifest))),
        *_section("Export", _parity(manifest)),
        *_section("Where it comes from", _lineage(manifest, spec)),
        *_section("Limits", _limits(manifest)),
    ]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _purpose(manifest: ModelManifest) -> str:
    signature = manifest.signature
    if signature.task == "regression":
        return f"Predicts the number `{signature.label}` with a {manifest.framework}."
    classes = ", ".join(f"`{name}`" for name in signature.classes[:20])
    return f"Predicts `{signature.label}` as one of {classes} with a {manifest.framework}."


def _data(manifest: ModelManifest, training_rows: int, test_rows: int) -> Iterator[str]:
    split = manifest.split
    cut = "the latest rows" if split.kind == "time" else f"random rows (seed {split.seed})"
    yield f"- dataset `{manifest.dataset}`, version `{manifest.dataset_version[:12]}`"
    yield f"- {training_rows:,} training rows and {test_rows:,} test rows; tested on {cut}"


def _slices(manifest: ModelManifest) -> Iterator[str]:
    names = list(dict.fromkeys(name for part in manifest.slices for name in part.metrics))[:4]
    rows = (
        (part.column, part.value, f"{part.rows:,}", *(_number(part.metrics.get(name)) for name in names))
        for part in manifest.slices[:SHOWN_SLICES]
    )
    if manifest.slices:
        yield from _table(("column", "value", "rows", *names), rows)


def _inputs(manifest: ModelManifest) -> Iterator[tuple[str, ...]]:
    for feature in manifest.signature.features:
        yield f"`{feature.name}`", feature.dtype, "yes" if feature.nullable else "no", _seen(feature)


def _seen(feature: Feature) -> str:
    if feature.categories is not None:
        more = f" and {len(feature.categories) - 8} more" if len(feature.categories) > 8 else ""
        return ", ".join(feature.categories[:8]) + more
    if feature.minimum is None or feature.maximum is None:
        return ""
    unit = " (days since 1970)" if feature.dtype in ("date", "datetime") else ""
    return f"{_number(feature.minimum)} to {_number(feature.maximum)}{unit}"


def _parity(manifest: ModelManifest) -> Iterator[str]:
    parity = manifest.parity
    if parity is None:
        yield "Not compared with the native model."
        return
    yield (
        f"The ONNX model answers as the native one: largest difference {parity.max_difference:.2g} (allowed "
        f"{parity.tolerance:g}) on {parity.rows:,} held-out and {parity.adversarial_rows:,} adversarial rows."
    )


def _lineage(manifest: ModelManifest, spec: RunSpec) -> Iterator[str]:
    yield f"- code `{manifest.code[:12]}`, entry `{spec.entry}`"
    yield f"- environment `{manifest.environment[:12] or 'of the runtime'}`"
    yield from (f"- parameter `{name}` = `{value}`" for name, value in sorted(manifest.params.items()))


def _limits(manifest: ModelManifest) -> Iterator[str]:
    yield "- Numbers are float32: larger whole numbers than 16,777,216 and times below 84 seconds are rounded."
    if manifest.split.kind == "random":
        yield "- Tested on random rows of the same period, so the metrics say nothing about change over time."
    closed = [f.name for f in manifest.signature.features if f.categories is not None]
    if closed:
        names = ", ".join(f"`{name}`" for name in closed[:10])
        yield f"- Text that training has not seen ({names}) is answered as an unknown category."
    strict = [f"`{f.name}`" for f in manifest.signature.features if not f.nullable]
    if strict:
        yield f"- Cannot answer without {', '.join(strict)}."


def _metrics(metrics: dict[str, float]) -> Iterator[tuple[str, str]]:
    return ((name, _number(value)) for name, value in metrics.items())


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [f"## {title}", "", *found, ""] if found else []


def _table(headers: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(headers)} |"
    yield f"|{'---|' * len(headers)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in row)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
