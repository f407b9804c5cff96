"""Where what could not be delivered goes: a queue or a topic of moto's, by its ARN."""

from __future__ import annotations

from typing import Any

from toolkit.adapters.aws.emulator.moto import Moto


def send(moto: Moto, arn: str, body: str, attributes: dict[str, str] | None = None) -> bool:
    """False when there is no such queue or topic."""
    _, _, service, region, _, name = arn.split(":", 5)
    told = {key: {"DataType": "String", "StringValue": value} for key, value in (attributes or {}).items()}
    with moto.lock:
        backend: Any = moto.state(service, region)
        if service == "sqs" and name in backend.queues:
            backend.send_message(name, body, message_attributes=told)
            return True
        if service == "sns" and arn in backend.topics:
            backend.publish(body, arn=arn)
            return True
    return False
