"""Encryption of stored secrets: AES-256-GCM, bound to the destination and the field they belong to."""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
# The size that GCM is made for; random ones do not repeat before billions of secrets.
NONCE_BYTES = 12
_FORMAT = "v1"
_KEY_ID_CHARS = 8


class Unreadable(ValueError):
    """A stored secret cannot be decrypted: its key is gone, it was changed, or it belongs elsewhere."""


class AesCipher:
    """Encrypts with the first key, decrypts with any: to change keys, put the new one in front.

    What it seals is text, ``v1.KEY_ID.NONCE_AND_CIPHERTEXT``. Neither keys nor secrets are in any error or
    representation of it.
    """

    def __init__(self, keys: tuple[bytes, ...], random: Callable[[int], bytes] = os.urandom) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"every key must have {KEY_BYTES} bytes, and there must be one at least")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._first = _key_id(keys[0])
        self._random = random

    def seal(self, secret: str, *, destination_id: str, field: str) -> str:
        """Return the encrypted secret, as text."""
        nonce = self._random(NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, secret.encode(), _bound_to(destination_id, field))
        return f"{_FORMAT}.{self._first}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def renew(self, sealed: str, *, destination_id: str, field: str) -> str:
        """Return what was sealed, encrypted with the first key; as it is if it is, or cannot be read."""
        if self.is_current(sealed):
            return sealed
        try:
            secret = self.open(sealed, destination_id=destination_id, field=field)
        except Unreadable:
            return sealed
        return self.seal(secret, destination_id=destination_id, field=field)

    def is_current(self, sealed: str) -> bool:
        """Whether a secret is encrypted with the first key."""
        return sealed.startswith(f"{_FORMAT}.{self._first}.")

    def open(self, sealed: str, *, destination_id: str, field: str) -> str:
        """Return the secret that was sealed for just this; otherwise raise ``Unreadable``."""
        where = f"the stored {field} of {destination_id}"
        try:
            form, key_id, text = sealed.split(".")
            box = base64.b64decode(text, altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise Unreadable(f"{where} is no encrypted secret") from None
        if form != _FORMAT or key_id not in self._ciphers:
            raise Unreadable(f"{where} was encrypted with a key that is not among the keys of now")
        nonce, content = box[:NONCE_BYTES], box[NONCE_BYTES:]
        try:
            return self._ciphers[key_id].decrypt(nonce, content, _bound_to(destination_id, field)).decode()
        except (InvalidTag, ValueError):
            raise Unreadable(f"{where} was changed, or belongs to something else") from None


def _key_id(key: bytes) -> str:
    """Return a name for a key that says nothing about it."""
    return hashlib.sha256(b"key id:" + key).hexdigest()[:_KEY_ID_CHARS]


def _bound_to(destination_id: str, field: str) -> bytes:
    return json.dumps([destination_id, field]).encode()
