"""Whether a request is signed (SigV4) with the emulator's credentials: the same computation that the signer made."""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime, timedelta

from toolkit.adapters.aws.emulator.wire import Call

SKEW = timedelta(minutes=15)
_SIGNED = re.compile(r"SignedHeaders=([^,\s]+)")
_SIGNATURE = re.compile(r"Signature=([0-9a-f]{64})")


def refusal(call: Call, address: str, key_id: str, secret: str, now: datetime | None = None) -> str:
    """ "" for a right signature, else why not, in AWS's words."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    said, moment = call.headers.get("authorization", ""), call.headers.get("x-amz-date", "")
    signed, signature = _SIGNED.search(said), _SIGNATURE.search(said)
    if not (said.startswith("AWS4-HMAC-SHA256 ") and signed and signature and moment):
        return "Missing Authentication Token"
    if call.key_id != key_id:
        return "The security token included in the request is invalid."
    try:
        sent = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return "Date must be in ISO-8601 'basic format'."
    if abs((now or datetime.now(UTC)) - sent) > SKEW:
        return f"Signature expired: {moment} is not within 15 minutes of this server's clock"
    names = signed[1].split(";")
    if "host" not in names:
        return "'Host' must be a 'SignedHeader' in the AWS Authorization."
    headers = {name: call.headers.get(name, "") for name in names}
    request = AWSRequest(call.method, f"{address}{call.raw_path}", headers, call.body or None)
    request.url = f"{address}{call.target}"
    request.context["timestamp"] = moment
    signer = SigV4Auth(Credentials(key_id, secret), call.service, call.region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    if not hmac.compare_digest(signer.signature(text, request), signature[1]):
        return ("The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                "Access Key and signing method. Consult the service documentation for details.")  # fmt: skip
    return ""
