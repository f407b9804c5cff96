"""boto3 clients, made once each: a client takes a tenth of a second to make and may be used from several threads.

`retries=False` is for writes whose repetition tells lies: a retried conditional write whose first reply was lost meets
its own object and reports a conflict; a retried publish is a second message.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import toolkit
from toolkit.adapters.aws.errors import translated
from toolkit.adapters.aws.whole import watch

T = TypeVar("T")
_making = threading.RLock()
emulated: set[str] = set()  # addresses of emulators: their clients use the fixed credentials, never the user's
CONNECT_SECONDS = 5
READ_SECONDS = 60
ATTEMPTS = 3
EMULATED_CREDENTIALS = ("test", "test")
NOWHERE = "us-east-1"  # what an S3-compatible server is told when nothing names a region


@cache
def client(
    service: str, region: str, endpoint: str = "", *, retries: bool = True, read_seconds: float = READ_SECONDS
) -> Any:
    """The client of `service`. Opens no connection. ConfigError when no region is known; ModuleNotFoundError.

    S3 is addressed by path where an endpoint is given: only AWS has a host name for every bucket.
    """
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        max_pool_connections=16,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS if retries else 1},
        user_agent_extra=f"driftloop/{toolkit.__version__}",
        s3={"addressing_style": "path" if endpoint else "auto"},
        # We send a SHA-256 ourselves; more than that, other servers than AWS's do not understand.
        request_checksum_calculation="when_required",
    )
    with _making, translated(f"open a client of {service}", region):
        session = _session(endpoint in emulated)
        known = region or session.region_name or (NOWHERE if endpoint else None)
        return watch(session.client(service, region_name=known, endpoint_url=endpoint or None, config=config))


def credentials(region: str, endpoint: str = "") -> Any:
    """The caller's own (an emulator's: the fixed ones), to sign with. Unauthenticated when there are none."""
    from botocore.exceptions import NoCredentialsError

    with translated("sign a request", region):
        found = _session(endpoint in emulated).get_credentials()
        if found is None:
            raise NoCredentialsError
        return found.get_frozen_credentials()


@cache
def _session(emulator: bool) -> Any:
    """One, since it keeps what it has read of a service's description; it makes one client at a time. For an emulator,
    one that reads nothing of the user's: no profile, no file, no credentials but the emulator's."""
    import boto3
    import botocore.session

    if not emulator:
        return boto3.session.Session()
    nothing = (None, None, os.devnull, None)
    own = {"profile": (None, None, None, None), "config_file": nothing, "credentials_file": nothing}
    bare = botocore.session.Session(session_vars=own)
    key, secret = EMULATED_CREDENTIALS
    return boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret, botocore_session=bare)


def again(call: Callable[[], T], on: Callable[[Exception], bool]) -> T:
    """`call()`, tried again while it fails with what `on` knows: at most six times, about two seconds in all."""
    import stamina

    return stamina.RetryingCaller(attempts=6, timeout=10, wait_initial=0.05, wait_max=0.8, wait_jitter=0.1).on(on)(call)
