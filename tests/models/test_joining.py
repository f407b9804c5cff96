"""Several text columns into one encoder: the export joins them as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from toolkit.domain.records import Feature
from toolkit.models.export import to_onnx


@pytest.mark.parametrize("steps", [(), (SimpleImputer(strategy="most_frequent"),)], ids=["bare", "after an imputer"])
def test_two_text_columns_into_one_encoder(steps: tuple[SimpleImputer, ...]) -> None:
    import onnxruntime

    frame = pd.DataFrame({"plan": ["free", "pro", "basic"] * 20, "city": ["Nice", "Lyon"] * 30})
    answers = np.array([0, 1, 1, 0, 1, 0] * 10)
    texts = make_pipeline(*steps, OneHotEncoder(handle_unknown="ignore", sparse_output=False))
    model = make_pipeline(make_column_transformer((texts, ["plan", "city"])), LogisticRegression()).fit(frame, answers)
    features = [Feature(name="plan", dtype="string"), Feature(name="city", dtype="string")]
    session = onnxruntime.InferenceSession(to_onnx(model, features, ["0", "1"]))
    asked = pd.DataFrame({"plan": ["free", "pro", "unheard of"], "city": ["Lyon", "Nice", "Paris"]})
    given = {name: asked[[name]].to_numpy(dtype=object) for name in asked}
    probabilities = session.run(None, given)[1]
    np.testing.assert_allclose(probabilities, model.predict_proba(asked), atol=1e-6)
