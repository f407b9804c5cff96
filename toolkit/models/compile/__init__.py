"""From a verified ONNX graph to a program of tables that needs neither numpy nor onnxruntime.

    cells      what a tensor is while compiling: positions in the memory of one row; constants are folded
    onnxfile   the graph as nodes with plain attributes
    movement   reshaping, picking, joining: nothing at run time, only other positions
    arithmetic element by element and along an axis
    encoders   LabelEncoder, Imputer, Scaler, Normalizer: preprocessing of ai.onnx.ml
    ensembles  trees and forests as tables; linear as weights
    lowering   the table of operators, and the walk over the graph
    proof      equal to the ONNX model on held-out and adversarial rows, or not used

Decisions. The source is the exported graph, not the estimator: what is compiled is what was proven and what would be
served otherwise, and one compiler serves sklearn, LightGBM and XGBoost. A row is computed by itself (the batch is 1
while compiling), so every shape is known and all that only moves values disappears. The result is data for the fixed
interpreter in `serving.steps`; no code is generated, so one form serves bundles and buckets, on any Python version.

What it cannot take (an operator, trees of a kind, a table past `MAX_NODES`) is not compiled: the manifest says why and
onnxruntime serves it. What it takes is believed only after `proof`. An operator more costs one function in the module
of its kind and one line in `lowering.OPERATORS`.
"""

from toolkit.models.compile.lowering import compiled
from toolkit.models.compile.problems import NotCompilable

__all__ = ["NotCompilable", "compiled"]
