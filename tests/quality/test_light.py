"""What a function pays for at its start: names, not seconds."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"numpy", "polars", "pandas", "sklearn", "scipy", "pyarrow", "pydantic", "onnxruntime"}


@pytest.mark.parametrize("module", ["bins", "baseline", "profile", "merge", "counter", "drift", "estimate", "gates"])
def test_serving_and_checking_import_nothing_heavy(module: str) -> None:
    assert not HEAVY & loaded(f"import toolkit.quality.{module}")


def test_a_whole_check_without_numpy(tmp_path: object) -> None:
    """A baseline is read, rows are counted one by one, merged and judged, and numpy was never loaded."""
    script = """
from toolkit.domain.records import Feature
from toolkit.quality.baseline import build_baseline
import subprocess, sys
data = build_baseline({"x": [i / 7 for i in range(1000)], "c": ["a", "b"] * 500}, [
    Feature(name="x", dtype="float64"), Feature(name="c", dtype="string")],
    [i / 1000 for i in range(1000)], ["no"] * 600 + ["yes"] * 400, "binary", ("no", "yes")).to_bytes()
inner = f'''
import sys
from toolkit.quality import baseline, counter, merge, drift
b = baseline.from_bytes({data!r})
c = counter.Counter(b)
for i in range(300):
    c.add_row((i / 7, "a"), i / 300)
c.add_columns({{"x": [1.0] * 100, "c": ["b"] * 100}}, [0.5] * 100)
p = merge.merge([c.take()], b)
assert drift.check(b, p).verdict == "drift", p
print("\\\\n".join(sys.modules))
'''
print(subprocess.run([sys.executable, "-c", inner], check=True, capture_output=True, text=True).stdout)
"""
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    modules = {name.partition(".")[0] for name in found.stdout.split()}
    assert "toolkit" in modules
    assert not HEAVY & modules


def loaded(statement: str) -> set[str]:
    script = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return {name.partition(".")[0] for name in done.stdout.split()}
