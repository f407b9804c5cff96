"""An onnxruntime session as an endpoint wants it, checked against the signature.

ONNX format only, one thread: a function has about one core, and threads that spin in a frozen worker cost the next
call. Measured, one row of 30 features on onnxruntime 1.32: `session.run` 34 us, the binding below it 20-24 us, because
the wrapper compares all input names on every call; they are compared once here. Graph optimisation made no difference
to trees or linear models in run time and costs load time, so only the basic level is on. IOBinding would take 9 us for
numbers, but reading text outputs through it ends the process (a segmentation fault), and labels are text.
"""

from __future__ import annotations

from typing import Any

from toolkit.domain import wire
from toolkit.domain.errors import Corrupt, missing_extra
from toolkit.domain.records import Signature

GRAPH = "model.onnx"


def opened(data: bytes) -> Any:
    """An InferenceSession over verified and walked bytes. Raises Corrupt, or MissingExtra without onnxruntime."""
    try:
        import onnxruntime as ort
    except ModuleNotFoundError as error:
        raise missing_extra("onnxruntime", "onnx") from error
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4  # it would print to stderr; what matters is raised
    options.add_session_config_entry("session.load_model_format", "ONNX")  # never its own, which nobody walked
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a family of its own classes without a common base
        raise Corrupt(f"{GRAPH} cannot be loaded: {error}", hint="toolkit models verify") from error


def unchecked(session: Any) -> Any:
    """`session.run` without the wrapper around the binding, where this onnxruntime has it."""
    return getattr(getattr(session, "_sess", None), "run", session.run)


def outputs(session: Any, signature: Signature, matrix: str = "") -> list[str]:
    """Names of the outputs to ask for: labels and probabilities, or the value. Raises Corrupt unless inputs and outputs
    are what the signature says; with `matrix`, that is the one input (`matrix.joined`)."""
    kinds = {"number": "tensor(float)", "text": "tensor(string)"}
    wanted = {f.name: kinds[wire.kind(f.dtype)] for f in signature.features}
    if matrix:
        wanted = {matrix: "tensor(float)"}
    found = {i.name: i.type for i in session.get_inputs()}
    if wanted != found:
        differ = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise Corrupt(f"{GRAPH} does not take the inputs of its signature; they differ in {', '.join(differ)}")
    found_outputs = session.get_outputs()
    types = [o.type for o in found_outputs]
    if signature.task == "regression":
        if types[:1] != ["tensor(float)"]:
            raise Corrupt(f"{GRAPH} answers {types}; a regression answers one tensor(float)")
        return [found_outputs[0].name]
    if len(types) < 2 or types[0] not in ("tensor(int64)", "tensor(string)") or types[1] != "tensor(float)":
        raise Corrupt(f"{GRAPH} answers {types}; a classifier answers labels and a tensor(float) of probabilities")
    width = found_outputs[1].shape[-1]
    if isinstance(width, int) and width != len(signature.classes):
        raise Corrupt(
            f"{GRAPH} answers {width} probabilities for the {len(signature.classes)} classes it was signed with"
        )
    return [output.name for output in found_outputs[:2]]
