"""The packages of a job that was handed none: fetched from the store by digest, installed, the job begun again in them.

A cloud starts a job from one image for all, with no files, and its variables are too short for locked requirements. So
`TOOLKIT_REQUIREMENTS` names their blob; what is installed is kept under the user's cache folder by its digest, for
where a machine sees a second job.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from toolkit.domain.jobs import REQUIREMENTS
from toolkit.execution import environments
from toolkit.execution.output import Output
from toolkit.ports.context import Context
from toolkit.state.blobs import Blobs

MODULE = "toolkit.entry.job"


def start_again(ctx: Context, digest: str, environ: Mapping[str, str]) -> int:
    """Become `python -m toolkit.entry.job` of an interpreter that has them: does not return.

    Raises NotFound or Corrupt (the blob), ConfigError (they cannot be installed, with the installer's last line).
    """
    requirements = Blobs(ctx.store).get(digest).decode()
    ctx.report.say("installing the locked requirements ...")
    with tempfile.TemporaryDirectory(prefix="toolkit-packages-") as folder:
        python = environments.python_for(requirements, sys.executable, output=Output(Path(folder)))
    rest = {name: value for name, value in environ.items() if name != REQUIREMENTS}
    os.execve(python, [python, "-m", MODULE], rest)  # noqa: S606  # the interpreter of an environment that we made
