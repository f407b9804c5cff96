"""The page is one file, runs nothing, loads nothing, and shows data as text."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from toolkit.domain.records import ColumnDrift, DriftReport, Shape
from toolkit.lifecycle import page

EVIL = '</title><script>alert(1)</script>"&'


def _report(name: str = "temp") -> DriftReport:
    shape = Shape(labels=("1", name, "null"), reference=(0.5, 0.4, 0.1), window=(0.0, 1.0, 0.0))
    return DriftReport(
        endpoint="flights",
        model=name,
        model_version=3,
        model_digest="ab" * 32,
        window="2013-05-01T00:00:00Z/2013-06-01T00:00:00Z",
        rows=12_345,
        verdict="drift",
        columns=(
            ColumnDrift(name="calm", effect=0.01, statistics={"p": 0.5}, verdict="ok", shape=None),
            ColumnDrift(name=name, effect=0.91, statistics={"p": 0.0, "psi": 3.2}, verdict="drift", shape=shape),
        ),
        quality={f"{name}.unseen": 0.2},
        performance={"estimated_accuracy": 0.7},
        service={"requests": 400.0, "p99_ms": 25.0},
        created="2013-06-01T00:00:01Z",
    )


class _Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_the_policy_names_the_one_style_by_its_digest_and_allows_nothing_else() -> None:
    text = page.html(_report())
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{digest}&#x27;" in text
    seen = _Seen(text)
    assert not {"script", "link", "img", "iframe", "form", "a"} & set(seen.tags)
    assert not {"src", "href", "style", "onclick"} & {name for name, _ in seen.attributes}


def test_words_from_data_stay_words() -> None:
    text = page.html(_report(EVIL))
    assert "<script" not in text
    assert "script" not in _Seen(text).tags
    assert "&lt;script&gt;alert(1)" in text


def test_what_drifted_comes_first_with_both_sides_drawn() -> None:
    text = page.html(_report())
    assert text.index(">temp</h2>") < text.index(">calm</h2>")
    assert "1 of 2 columns drifted, 12,345 rows" in text
    assert len(re.findall(r'<rect class="then"', text)) == len(re.findall(r'<rect class="now"', text)) == 3
    assert "<title>temp: 100.0% in this window</title>" in text
    assert "<summary>Service</summary><table><tr><td>p99_ms</td><td>25</td></tr>" in text


def test_equal_reports_give_equal_pages() -> None:
    assert page.html(_report()) == page.html(_report())


def opened(folder: Path, text: str) -> tuple[str, str]:
    """(what Chromium made of the page, what it complained of)."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
    assert browser, "this needs a browser: apt-get install chromium"
    (folder / "page.html").write_text(text)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={folder}/user"]
    done = subprocess.run(
        [browser, *flags, "--dump-dom", (folder / "page.html").as_uri()], capture_output=True, text=True, timeout=120
    )
    said = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return done.stdout, "\n".join(said)


@pytest.mark.exhaustive
def test_a_real_browser_shows_it_and_has_nothing_to_complain_of(tmp_path: Path) -> None:
    shown, said = opened(tmp_path, page.html(_report(EVIL)))
    assert said == ""
    assert shown.count("<article") == 2
    assert shown.count("<rect ") == 6
    assert "flights: drift" in shown


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("</body>", "<script>document.title = 'ran'</script></body>"),
        ("</body>", '<img src="http://127.0.0.1:9/spy.png"></body>'),
        ("color-scheme:light dark", "color-scheme:light"),
    ],
    ids=["a script", "an image", "another style"],
)
def test_a_real_browser_refuses_whatever_else_is_in_it(tmp_path: Path, old: str, new: str) -> None:
    shown, said = opened(tmp_path, page.html(_report()).replace(old, new, 1))
    assert "Content Security Policy" in said
    assert "<title>ran" not in shown
