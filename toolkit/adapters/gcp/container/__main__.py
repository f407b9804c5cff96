"""Fetch the bundle from Cloud Storage as the service's account, then become its server."""

from __future__ import annotations

import json
import os
import urllib.request
from urllib.parse import quote

from toolkit.execution.container import bundled


def main() -> None:
    told = json.loads(os.environ[bundled.OWN])  # see `function_service.told`
    address = f"{told['storage']}/storage/v1/b/{told['bucket']}/o/{quote(told['object'], safe='')}?alt=media"

    def asked() -> urllib.request.Request:
        return urllib.request.Request(address, headers={"Authorization": f"Bearer {_token()}"})  # noqa: S310

    bundled.become(f"gs://{told['bucket']}/{told['object']}", told["digest"], asked)


def _token() -> str:
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    address = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    request = urllib.request.Request(address, headers={"Metadata-Flavor": "Google"})
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
        return str(json.load(reply)["access_token"])


if __name__ == "__main__":
    main()
