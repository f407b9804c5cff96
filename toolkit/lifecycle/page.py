"""A drift report as one HTML file that needs nothing else: opened from the bucket, from a disk, from an e-mail.

No script and nothing from anywhere: the charts are inline SVG, the one style sheet is named in the page's own Content
Security Policy by its digest, and every word that came from data is escaped. Light or dark is the reader's choice.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from toolkit.domain.records import ColumnDrift, DriftReport, Shape

STYLE = """
:root{color-scheme:light dark;--then:#8a94a6;--now:#1f6feb;--bad:#c2410c;--line:#8884}
body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1rem;margin:0;overflow-wrap:anywhere}
p{margin:.3rem 0}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.15rem .8rem .15rem 0;text-align:right}td:first-child,th:first-child{text-align:left}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(19rem,1fr));gap:1rem;margin-top:1.5rem}
article{border:1px solid var(--line);border-radius:.5rem;padding:.7rem .9rem}
article.drift{border-color:var(--bad);border-width:2px}
.verdict{font-weight:600}.drift .verdict,.verdict.drift{color:var(--bad)}
svg{width:100%;height:6.5rem;display:block}.then{fill:var(--then)}.now{fill:var(--now)}.base{stroke:var(--line)}
small{opacity:.75;overflow-wrap:anywhere}ul{display:flex;flex-wrap:wrap;gap:0 .9rem}
ul{list-style:none;padding:0;margin:.4rem 0 0;font-size:.85em}
i.then,i.now{display:inline-block;width:.8em;height:.8em;border-radius:2px}
i.then{background:var(--then)}i.now{background:var(--now)}
"""
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
WIDTH, HEIGHT = 300.0, 100.0
MANY = 11  # labels that are spelled out below a chart
SHOWN = ("p", "limit", "psi", "js", "w1", "null_change")


def html(report: DriftReport) -> str:
    """The whole document. Equal reports give equal pages."""
    title = f"{report.endpoint}: {report.verdict}"
    columns = sorted(report.columns, key=lambda column: (column.verdict != "drift", -column.effect))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"{_head(report)}<main>{''.join(_card(column) for column in columns)}</main></body></html>\n"
    )


def _head(report: DriftReport) -> str:
    start, _, end = report.window.partition("/")
    drifted = sum(column.verdict == "drift" for column in report.columns)
    what = f"{drifted} of {len(report.columns)} columns drifted, " if report.verdict == "drift" else ""
    return (
        f'<h1>{escape(report.endpoint)}: <span class="verdict {escape(report.verdict)}">{escape(report.verdict)}</span>'
        f"</h1><p>{what}{report.rows:,} rows from {escape(start)} to {escape(end)}, answered by version"
        f" {report.model_version} of {escape(report.model)} <small>({escape(report.model_digest[:12])},"
        f" checked {escape(report.created)})</small></p>"
        '<p><i class="then"></i> training data &nbsp; <i class="now"></i> this window</p>'
        f"{_numbers('Performance', report.performance)}{_numbers('Data quality', report.quality)}"
        f"{_numbers('Service', report.service)}"
    )


def _numbers(name: str, values: dict[str, float]) -> str:
    if not values:
        return ""
    rows = "".join(f"<tr><td>{escape(key)}</td><td>{value:.4g}</td></tr>" for key, value in sorted(values.items()))
    return f"<details><summary>{name}</summary><table>{rows}</table></details>"


def _card(column: ColumnDrift) -> str:
    found = " ".join(f"<li>{name} {column.statistics[name]:.3g}</li>" for name in SHOWN if name in column.statistics)
    drifted = " class=drift" if column.verdict == "drift" else ""
    return (
        f"<article{drifted}><h2>{escape(column.name)}</h2>"
        f'<p><span class="verdict">{escape(column.verdict)}</span>, effect {column.effect:.3g}</p>'
        f"{_chart(column.shape) if column.shape else ''}"
        f"<ul>{found}</ul></article>"
    )


def _chart(shape: Shape) -> str:
    """Two bars a label, side by side; the value is in the bar's title."""
    most = max((*shape.reference, *shape.window), default=0.0) or 1.0
    step = WIDTH / max(1, len(shape.labels))
    bars = []
    for index, label in enumerate(shape.labels):
        for offset, name, share in ((0.08, "then", shape.reference[index]), (0.5, "now", shape.window[index])):
            tall = HEIGHT * share / most
            bars.append(
                f'<rect class="{name}" x="{step * (index + offset):.1f}" y="{HEIGHT - tall:.1f}"'
                f' width="{step * 0.42:.1f}" height="{tall:.1f}"><title>{escape(label)}: {share:.1%} {_WHEN[name]}'
                "</title></rect>"
            )
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none" role="img" aria-label="distribution">'
        f'{"".join(bars)}<line class="base" x1="0" y1="{HEIGHT:.0f}" x2="{WIDTH:.0f}" y2="{HEIGHT:.0f}"/></svg>'
        f"<small>{_scale(shape)}</small>"
        if shape.labels
        else ""
    )


def _scale(shape: Shape) -> str:
    """Every label where there are few, else the two ends."""
    if len(shape.labels) <= MANY:
        return escape(", ".join(shape.labels))
    return f"{escape(shape.labels[0])} to {escape(shape.labels[-1])}"


_WHEN = {"then": "in training", "now": "in this window"}
