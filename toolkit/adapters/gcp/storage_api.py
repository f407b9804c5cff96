"""Cloud Storage's REST API where the SDK has no words of ours for it: notifications, policies, a bucket's settings."""

from __future__ import annotations

from toolkit.adapters.gcp.client import Api

HOST = "storage.googleapis.com"


class StorageApi(Api):
    """Other servers that speak it have it at their root."""

    def __init__(self, endpoint: str = "") -> None:
        super().__init__(HOST, "storage/v1", endpoint)
        if endpoint:
            self._base = f"{endpoint}/storage/v1"
