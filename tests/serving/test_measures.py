from __future__ import annotations

from toolkit.serving.measures import Measures


def test_the_text_is_prometheus_exposition() -> None:
    measures = Measures()
    for seconds in (0.0001, 0.003, 0.003, 99.0):
        measures.observe("/predict", 200, seconds)
    measures.observe("other", 404, 0.0001)
    measures.problems["invalid-input"] += 1
    measures.rows = 7
    text = measures.text({"model": 'a"b\\c\nd'}, {"capture_rows_total": 3}).decode()
    lines = text.splitlines()
    assert r'toolkit_model_info{model="a\"b\\c\nd"} 1' in lines
    assert 'toolkit_requests_total{route="/predict",status="200"} 4' in lines
    assert 'toolkit_requests_total{route="other",status="404"} 1' in lines
    assert 'toolkit_problems_total{kind="invalid-input"} 1' in lines
    assert "toolkit_rows_total 7" in lines
    assert "toolkit_capture_rows_total 3" in lines
    assert 'toolkit_request_seconds_bucket{route="/predict",le="0.0005"} 1' in lines
    assert 'toolkit_request_seconds_bucket{route="/predict",le="0.005"} 3' in lines
    assert 'toolkit_request_seconds_bucket{route="/predict",le="+Inf"} 4' in lines
    assert 'toolkit_request_seconds_sum{route="/predict"} 99.006100' in lines
    assert all(line.startswith(("# TYPE toolkit_", "toolkit_")) for line in lines)
    assert text.endswith("\n")
