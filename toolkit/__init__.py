"""The serverless, cloud-agnostic toolkit for the machine-learning lifecycle.

The tree is the architecture; each package opens with its own story. From the roof down (imports only go down,
import-linter enforces it):

    cli         arguments in, text out                       lifecycle   one file per step of a model's life
    entry       what a cloud starts: job, drift tick, app    engine      observe, plan (pure), execute (dull)
    bootstrap   configuration -> opened ports -> Context     resources   one file per deployable kind
    data, packaging, serving, state, quality                 the rooms where the work is done
    adapters    aws, gcp, azure, local, memory ...           ports       what the lifecycle needs of a provider
    execution   runs jobs and bundles for real               domain      words, records, errors: no I/O

A training function may use the four names below; nothing else here is imported until it is used, so that
`import toolkit` stays light.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from toolkit.lifecycle.tracking import log_artifact, log_metric, log_metrics, log_param

__all__ = ["__version__", "log_artifact", "log_metric", "log_metrics", "log_param"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("toolkit.lifecycle.tracking"), name)
    raise AttributeError(f"module 'toolkit' has no attribute {name!r}")
