"""The files that `toolkit init` writes, as text: small enough to be read whole by whoever gets them."""
