"""W3C trace context: the trace that a request belongs to goes on with a span of its own.

The answer's `traceparent` names the caller's trace, a new span id and the caller's flags; the log of a failure has it
too, so that a trace finds its error. A header that is not one (wrong length, all zeros, version ff) is ignored, as the
standard asks. Imported by the first request that carries one.
"""

from __future__ import annotations

import os
import re

_PARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?", re.DOTALL)


def continued(header: bytes) -> bytes:
    """The `traceparent` of this request's own span, or b"" where `header` is none. A later version is answered as 00,
    with the fields that both have."""
    found = _PARENT.fullmatch(header.strip())
    if found is None or (header.strip().startswith(b"00") and found[3] is not None):
        return b""
    return b"00-%b-%b-%b" % (found[1], os.urandom(8).hex().encode(), found[2])
