"""Fetch the bundle from Blob Storage as the app's identity, then become its server."""

from __future__ import annotations

import json
import os
import urllib.request
from urllib.parse import quote

from toolkit.adapters.azure.function_app.identity import token
from toolkit.execution.container import bundled

STORAGE = "https://storage.azure.com"
STORAGE_VERSION = "2023-11-03"


def main() -> None:
    told = json.loads(os.environ[bundled.OWN])  # see `containerapps_body.template`
    address = f"{told['storage']}/{told['container']}/{quote(told['blob'])}"

    def asked() -> urllib.request.Request:
        headers = {"Authorization": f"Bearer {token(STORAGE, told['identity'])}", "x-ms-version": STORAGE_VERSION}
        return urllib.request.Request(address, headers=headers)  # noqa: S310

    bundled.become(address, told["digest"], asked)


if __name__ == "__main__":
    main()
