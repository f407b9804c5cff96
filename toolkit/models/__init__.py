"""From a fitted estimator to a model that can be deployed, and the proof that it is the same one.

    data        what `train(data, params)` is given: wire values, which are what the endpoint will bring
    native      the returned estimator, checked, asked in the way it was fitted
    signature   what it takes: a number may be missing only if the estimator answers without it
    export      ONNX: skl2onnx and onnxmltools, with converters of ours where theirs are wrong or missing:
                trees (missing values, categories, thresholds), onehot (rare categories), imputer (indicators, text);
                graph puts the result into one canonical form
    served      the exported bytes, through the loader that will serve them
    parity      the certificate: native against served, on held-out and adversarial rows; refused on a mismatch
    measure     metrics and slices, of the served answers
    explain     what the endpoint needs to say exactly why, where the model adds up
    sample card build    rows to try it with, a page for people, and all of it as one manifest

Decisions. A floor of its own: it needs the serving loader, so that parity is measured on the code that will answer, and
the job needs it without the rest of packaging. Training sees float32-exact numbers, the export computes in float32, and
tree thresholds are rounded down to float32: then every split of sklearn, LightGBM and XGBoost falls on the same side in
both (without that, a value one float32 step above a threshold does not: `tests/models/test_trees.py`). What is left is
the rounding of sums, about 1e-7. The graph answers class names, so that the file alone says what it means. A manifest
holds no time and no person, and threads and seeds are fixed: equal training gives an equal digest.
"""
