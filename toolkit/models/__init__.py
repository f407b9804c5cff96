"""From a fitted estimator to a model that can be deployed: ONNX, parity certificate, signature, metrics, profile, card.

A floor of its own (DESIGN had no room for it): it needs the serving loader, so that parity is measured on the very code
that will answer, and the job needs it without the rest of packaging.
"""
