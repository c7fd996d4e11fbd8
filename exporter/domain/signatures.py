"""How a webhook is signed: so that its receiver knows that it is ours, and not an old one sent again."""

import hashlib
import hmac


def signature(body: bytes, secret: str, at_seconds: int) -> str:
    """Return ``t=1580000000,v1=…``: the HMAC-SHA256 of time, a full stop, and body, in hexadecimal digits."""
    signed = f"{at_seconds}.".encode() + body
    return f"t={at_seconds},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
