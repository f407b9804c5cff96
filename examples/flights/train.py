"""One sklearn pipeline: text columns to ordinals, then boosted trees, which take missing weather as it is."""

from typing import Any

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

import toolkit


def train(data: Any, params: dict[str, Any]) -> Pipeline:
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    trees = HistGradientBoostingClassifier(
        max_iter=params.get("trees", 100), learning_rate=params.get("rate", 0.1), random_state=0
    )
    pipeline = make_pipeline(make_column_transformer((encode, data.text), ("passthrough", data.numeric)), trees)
    toolkit.log_param("trees", trees.max_iter)
    labels = data.y
    if params.get("corrupt"):  # the demo's bad model: what a broken label join does
        labels = labels[::-1]
    return pipeline.fit(data.X, labels)
