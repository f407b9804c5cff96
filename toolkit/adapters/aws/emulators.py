"""AWS on this machine, chosen by `emulator = "moto"` or `"ministack"` in `[targets.<t>.aws]` (see `emulator`)."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import Any

from toolkit.adapters.aws import client
from toolkit.adapters.aws.names import EMULATED_REGION, Names
from toolkit.domain.errors import ToolkitError
from toolkit.ports import Settings
from toolkit.ports.emulator import Emulator


def moto(settings: Settings) -> Emulator:
    from toolkit.adapters.aws.emulator import COMMAND

    connect = partial(_connect, "123456789012")
    return Emulator("moto", COMMAND, connect, environment=_environment, prepare=_push_image, home=True)


def ministack(settings: Settings) -> Emulator:
    """It ignores the weights of an alias, and its Batch runs nothing."""
    from toolkit.adapters.aws.emulator.ministack import ACCOUNT, COMMAND

    lacks = {"functions.weights", "functions.memory", *(f"jobs.{what}" for what in _JOBS)}
    connect = partial(_connect, ACCOUNT)
    return Emulator("ministack", COMMAND, connect, environment=_environment, lacks=frozenset(lacks))


_JOBS = ("run", "cancel", "timeout", "memory", "retry", "array")


def _connect(account: str, settings: Settings, address: str) -> dict[str, Any]:
    """Alerts go to the operator's topic unless others are named: here its ARN is known beforehand."""
    client.emulated.add(address)
    topic = f"arn:aws:sns:{settings['region']}:{account}:{Names(settings['stem']).topic}"
    topics = settings["topics"] or [topic]
    return {**settings, "endpoint": address, "services_endpoint": address, "topics": topics}


def _environment(address: str) -> dict[str, str]:
    key, secret = client.EMULATED_CREDENTIALS
    return {
        "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL": address,
        "AWS_DEFAULT_REGION": EMULATED_REGION, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


def _push_image(settings: Settings) -> None:
    """A manifest in the repository of the jobs' image: what is in an image, the emulator takes from this machine."""
    from toolkit.adapters.aws.errors import code, translated
    from toolkit.adapters.aws.jobs import image_tag

    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {},
        "layers": [],
    }
    registry = client.client("ecr", settings["region"], settings["services_endpoint"])
    try:
        with translated("push the image of the jobs", settings["region"]):
            registry.put_image(
                repositoryName=Names(settings["stem"]).repository,
                imageManifest=json.dumps(manifest),
                imageTag=image_tag(),
            )
    except ToolkitError as error:
        if code(error) != "ImageAlreadyExistsException":  # it was pushed before
            raise
