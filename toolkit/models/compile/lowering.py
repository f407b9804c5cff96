"""The walk over the graph: each node through the function of its operator, until the outputs lie somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolkit.domain import wire
from toolkit.domain.records import Signature
from toolkit.models.compile import arithmetic, encoders, ensembles, linear, movement, onnxfile
from toolkit.models.compile.cells import Builder, Tensor
from toolkit.models.compile.problems import NotCompilable
from toolkit.serving import compiled as serving

OPERATORS: dict[str, Callable[..., Any]] = {
    "Identity": movement.identity,
    "Constant": movement.constant,
    "ConstantOfShape": movement.constant_of_shape,
    "Shape": movement.shape,
    "Reshape": movement.reshape,
    "Flatten": movement.flatten,
    "Squeeze": movement.squeeze,
    "Unsqueeze": movement.unsqueeze,
    "Transpose": movement.transpose,
    "Expand": movement.expand,
    "Concat": movement.concat,
    "FeatureVectorizer": movement.vectorize,
    "Gather": movement.gather,
    "ArrayFeatureExtractor": movement.extract,
    "Slice": movement.slice_,
    "Add": arithmetic.arithmetic("add"),
    "Sum": arithmetic.arithmetic("add"),
    "Sub": arithmetic.arithmetic("sub"),
    "Mul": arithmetic.arithmetic("mul"),
    "Div": arithmetic.arithmetic("div", whole=False),
    "Max": arithmetic.arithmetic("max"),
    "Min": arithmetic.arithmetic("min"),
    "Pow": arithmetic.power,
    "Equal": arithmetic.comparison("eq"),
    "Less": arithmetic.comparison("lt"),
    "LessOrEqual": arithmetic.comparison("le"),
    "Greater": arithmetic.comparison("gt"),
    "GreaterOrEqual": arithmetic.comparison("ge"),
    "And": arithmetic.comparison("and"),
    "Or": arithmetic.comparison("or"),
    "Not": arithmetic.unary("not", kind="bool"),
    "IsNaN": arithmetic.unary("isnan", kind="bool"),
    "Neg": arithmetic.unary("neg"),
    "Abs": arithmetic.unary("abs"),
    "Exp": arithmetic.unary("exp"),
    "Log": arithmetic.unary("log"),
    "Sqrt": arithmetic.unary("sqrt"),
    "Floor": arithmetic.unary("floor"),
    "Ceil": arithmetic.unary("ceil"),
    "Tanh": arithmetic.unary("tanh"),
    "Sigmoid": arithmetic.unary("logistic"),
    "Reciprocal": arithmetic.reciprocal,
    "Clip": arithmetic.clip,
    "Where": arithmetic.where,
    "Cast": arithmetic.cast,
    "ReduceSum": arithmetic.reduction("sum"),
    "ReduceProd": arithmetic.reduction("prod"),
    "ReduceMax": arithmetic.reduction("max"),
    "ReduceMin": arithmetic.reduction("min"),
    "ReduceMean": arithmetic.mean,
    "ArgMax": arithmetic.best("argmax"),
    "ArgMin": arithmetic.best("argmin"),
    "Softmax": arithmetic.softmax,
    "LpNormalization": arithmetic.lp_normalization,
    "LabelEncoder": encoders.label_encoder,
    "OneHotEncoder": encoders.one_hot,
    "Imputer": encoders.imputer,
    "Scaler": encoders.scaler,
    "Normalizer": encoders.normalizer,
    "Binarizer": encoders.binarizer,
    "LinearRegressor": linear.regressor,
    "LinearClassifier": linear.classifier,
    "MatMul": linear.matmul,
    "Gemm": linear.gemm,
    "TreeEnsembleRegressor": ensembles.regressor,
    "TreeEnsembleClassifier": ensembles.classifier,
}


def compiled(onnx: bytes, signature: Signature) -> tuple[bytes, int]:
    """(the program of a graph, the elementary steps that one row takes); equal for equal graphs. NotCompilable."""
    graph = onnxfile.read(onnx)
    build = Builder(width=len(signature.features))
    tensors = _inputs(signature, build)
    for given in graph.initializer:
        tensors[given.name] = onnxfile.tensor(given, build)
    for given in graph.node:
        _lower(onnxfile.node(given), tensors, build)
    label, scores = _outputs(graph, signature, tensors)
    program = serving.Program(
        inputs=tuple(feature.name for feature in signature.features),
        constants=tuple(build.constants),
        steps=tuple(build.finished()),
        label=None if label is None else build.final([label])[0],
        scores=tuple(build.final(scores)),
    )
    return serving.encode(program), round(build.work)


def _inputs(signature: Signature, build: Builder) -> dict[str, Tensor]:
    """Numbers first, then texts, each in the signature's order."""
    import numpy as np

    numbers = [f.name for f in signature.features if wire.kind(f.dtype) == "number"]
    texts = [f.name for f in signature.features if wire.kind(f.dtype) == "text"]
    found = {name: Tensor(np.array([[place]]), "float32") for place, name in enumerate(numbers)}
    return found | {name: Tensor(np.array([[place]]), "text") for place, name in enumerate(texts, len(numbers))}


def _lower(node: onnxfile.Node, tensors: dict[str, Tensor], build: Builder) -> None:
    lower = OPERATORS.get(node.operator)
    if lower is None:
        raise NotCompilable(f"the operator {node.operator} has no compiled form")
    try:
        found = lower(build, node, *(tensors[name] if name else None for name in node.inputs))
    except NotCompilable:
        raise
    except Exception as error:  # numpy and a graph that nobody foresaw
        raise NotCompilable(f"{node.operator}: {type(error).__name__}: {error}") from error
    outputs = found if isinstance(found, tuple) else (found,)
    tensors.update(zip(node.outputs, outputs, strict=False))


def _outputs(graph: Any, signature: Signature, tensors: dict[str, Tensor]) -> tuple[int | None, list[int]]:
    """(where the label lies, where the scores lie)."""
    found = [tensors[output.name] for output in graph.output]
    if signature.task == "regression":
        return None, _single(found[0], 1)
    label, scores = found[0], found[1]
    if label.places.size != 1 or label.kind not in ("text", "int"):
        raise NotCompilable(f"its labels are {label.kind} of the shape {label.places.shape}")
    return int(label.places.reshape(-1)[0]), _single(scores, len(signature.classes))


def _single(tensor: Tensor, size: int) -> list[int]:
    if tensor.kind != "float32" or tensor.places.size != size:
        raise NotCompilable(f"it answers {tensor.kind} of the shape {tensor.places.shape}")
    return [int(place) for place in tensor.places.reshape(-1)]
