"""Submitting a job, to Cloud Run as to Batch: making it starts it, and its name is there once.

So whoever submits twice, and whose reply was lost, finds what is there.
"""

from __future__ import annotations

import time
from typing import Any

from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.job_request import job_id
from toolkit.adapters.gcp.run_api import Run
from toolkit.domain.errors import AlreadyExists, Throttled, Unavailable

SUBMISSIONS = 4
PAUSE = 0.3  # seconds before the second, and more before each further one


def make(api: Api, run: Run, name: str, body: dict[str, Any]) -> bool:
    """False where a job of this name is there already. Raises Unavailable or Throttled after the last submission."""
    query = {"jobId": job_id(run.settings["stem"], name)}
    for left in reversed(range(SUBMISSIONS)):
        try:
            api.call(f"submit job {name}", "POST", f"{run.parent}/jobs", body, query)
        except AlreadyExists:
            return False
        except (Unavailable, Throttled):
            # Whether it was taken is not known; its name says so to whoever asks again.
            if not left:
                raise
            time.sleep(PAUSE * (SUBMISSIONS - left))
        else:
            return True
    raise AssertionError("unreachable")
