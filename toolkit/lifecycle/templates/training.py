"""train.py of a new project: one sklearn pipeline, fit for the kinds of columns and the number of rows at hand."""

from __future__ import annotations

from toolkit.data.infer import Inference
from toolkit.domain import wire

FEW_ROWS = 500  # fewer: a linear model; trees would learn the rows by heart
MANY_TREES = 300  # trees are grown for each class: as many in all, whatever their number

_HEAD = '''"""Predicts {label}: one pipeline from the columns as they are to the answer. Edit it as you like."""

from typing import Any

{imports}


def train(data: Any, params: dict[str, Any]) -> Pipeline:
    """`data.X` is a frame, `data.y` a numpy array; `data.numeric` and `data.text` name the columns of either kind.

    Numbers may be NaN where a value is missing, times are days since 1970, missing text is "".
    """
'''


def text(found: Inference, rows: int) -> str:
    kinds = {wire.kind(column.dtype) for column in found.schema.of_role("feature")}
    label = found.label.replace("\\", "\\\\").replace('"', "'")
    imports, body = _linear(found, kinds) if rows < FEW_ROWS else _trees(found, kinds)
    return _HEAD.format(label=" ".join(label.split()), imports=_sorted(imports)) + body


def _sorted(imports: dict[str, list[str]]) -> str:
    lines = {
        **imports,
        "sklearn.compose": ["make_column_transformer"],
        "sklearn.pipeline": ["Pipeline", "make_pipeline"],
    }
    return "\n".join(f"from {module} import {', '.join(sorted(lines[module]))}" for module in sorted(lines))


def _columns(steps: list[str]) -> str:
    return "    columns = make_column_transformer(\n" + "".join(f"        {step},\n" for step in steps) + "    )\n"


def _trees(found: Inference, kinds: set[wire.Kind]) -> tuple[dict[str, list[str]], str]:
    model = f"HistGradientBoosting{'Regressor' if found.task == 'regression' else 'Classifier'}"
    imports = {"sklearn.ensemble": [model]}
    body, steps = "", []
    if "number" in kinds:
        steps.append('("passthrough", data.numeric)')
    if "text" in kinds:
        imports["sklearn.preprocessing"] = ["OrdinalEncoder"]
        body += '    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)\n'
        steps.append("(codes, data.text)")
    trees = max(10, min(100, MANY_TREES // max(len(found.classes) - 1, 1)))
    body += _columns(steps)
    body += f"    model = {model}(\n"
    body += f'        max_iter=params.get("trees", {trees}),\n'
    body += '        learning_rate=params.get("rate", 0.1),\n'
    body += "        early_stopping=False,\n"
    body += "        random_state=0,\n"
    body += "    )\n"
    body += "    return make_pipeline(columns, model).fit(data.X, data.y)\n"
    return imports, body


def _linear(found: Inference, kinds: set[wire.Kind]) -> tuple[dict[str, list[str]], str]:
    imports: dict[str, list[str]] = {}
    body, steps, scalers = "", [], []
    if "number" in kinds:
        imports["sklearn.impute"] = ["SimpleImputer"]
        scalers.append("StandardScaler")
        body += '    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())\n'
        steps.append("(numbers, data.numeric)")
    if "text" in kinds:
        scalers.append("OneHotEncoder")
        body += '    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)\n'
        steps.append("(texts, data.text)")
    imports["sklearn.preprocessing"] = scalers
    body += _columns(steps)
    if found.task == "regression":
        imports["sklearn.linear_model"] = ["Ridge"]
        body += '    model = Ridge(alpha=params.get("alpha", 1.0))\n'
    else:
        imports["sklearn.linear_model"] = ["LogisticRegression"]
        body += '    model = LogisticRegression(C=params.get("C", 1.0), max_iter=2000)\n'
    return imports, body + "    return make_pipeline(columns, model).fit(data.X, data.y)\n"
