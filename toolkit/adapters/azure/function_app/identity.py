"""Tokens of the managed identity that runs here, as Container Apps gives them out. Standard library only."""

from __future__ import annotations

import json
import os
import urllib.request
from urllib.parse import urlencode

VERSION = "2019-08-01"


def token(resource: str, identity: str) -> str:
    """An access token for `resource`; `identity` is the resource id of which of the app's identities asks. OSError."""
    asked = urlencode({"api-version": VERSION, "resource": resource, "mi_res_id": identity})
    address = f"{os.environ['IDENTITY_ENDPOINT']}?{asked}"
    request = urllib.request.Request(address, headers={"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
        return str(json.load(reply)["access_token"])
