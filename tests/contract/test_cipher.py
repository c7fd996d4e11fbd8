"""Encryption of secrets: what is sealed for one thing opens for no other."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ports import Cipher
from exporter.storage.customer.cipher import KEY_BYTES, NONCE_BYTES, AesCipher, Unreadable
from tests.support.fakes.world import FakeCipher

OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES
ids = st.text(min_size=1, max_size=20)


@given(st.text(), ids, ids)
def test_what_is_sealed_opens_again_and_nowhere_else(secret: str, destination_id: str, field: str) -> None:
    """Not for another destination, not for another field, not for the two run together otherwise."""
    for cipher in (AesCipher((NEW,)), FakeCipher()):
        sealed = cipher.seal(secret, destination_id=destination_id, field=field)

        assert cipher.open(sealed, destination_id=destination_id, field=field) == secret
        for other_id, other_field in (
            (f"{destination_id}x", field),
            (destination_id, f"{field}x"),
            (destination_id + field[0], field[1:]),
        ):
            with pytest.raises(ValueError, match=r"."):
                cipher.open(sealed, destination_id=other_id, field=other_field)


@pytest.mark.parametrize("cipher", [AesCipher((NEW,)), FakeCipher()], ids=["real", "twin"])
def test_what_is_sealed_shows_nothing_of_the_secret(cipher: Cipher) -> None:
    """Not even whether two secrets are the same; and it is plain text, fit for any store."""
    sealed = {cipher.seal("the secret", destination_id="acme", field="key") for _ in range(9)}

    assert len(sealed) == 9
    assert all("secret" not in each and each.isascii() for each in sealed)


def test_the_form_is_known() -> None:
    """Version, key and content, so that each may change one day."""
    cipher = AesCipher((NEW,), random=lambda count: bytes(count))  # noqa: PLW0108  says that it counts
    sealed = cipher.seal("the secret", destination_id="acme", field="key")

    assert re.fullmatch(r"v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]+=*", sealed)
    assert sealed == cipher.seal("the secret", destination_id="acme", field="key")


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    """So keys are changed by putting the new one in front, and the old one is taken away later."""
    by_old = AesCipher((OLD,)).seal("the secret", destination_id="acme", field="key")
    both = AesCipher((NEW, OLD))
    by_new = both.seal("the secret", destination_id="acme", field="key")

    assert both.open(by_old, destination_id="acme", field="key") == "the secret"
    assert AesCipher((NEW,)).open(by_new, destination_id="acme", field="key") == "the secret"
    with pytest.raises(Unreadable, match="not among the keys"):
        AesCipher((NEW,)).open(by_old, destination_id="acme", field="key")


@given(st.data())
def test_any_change_is_noticed(data: st.DataObject) -> None:
    """Of any character; and no error repeats what it was about."""
    # The same sealed text each time: what is drawn below depends on it.
    cipher = AesCipher((NEW,), random=lambda count: bytes(range(count)))
    sealed = cipher.seal("the secret", destination_id="acme", field="key")
    # The last letter of base64 has bits that mean nothing.
    at = data.draw(st.integers(0, len(sealed.rstrip("=")) - 2))
    letter = data.draw(st.sampled_from("AZaz09-_.=ü").filter(lambda letter: letter != sealed[at]))

    with pytest.raises(Unreadable, match="the stored key of acme") as raised:
        cipher.open(sealed[:at] + letter + sealed[at + 1 :], destination_id="acme", field="key")
    assert "the secret" not in str(raised.value)
    assert sealed[12:] not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["", "v1", "v1..", "v1.x.y", "v2.00000000.AAAA", "the connection string itself"]
)
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    """Nor does something that was cut short."""
    with pytest.raises(Unreadable):
        AesCipher((NEW,)).open(text, destination_id="acme", field="key")


def test_keys_are_never_shown() -> None:
    """Not in a log of the object, and not in the complaint about a wrong one."""
    short = b"short secret key"
    assert "nnnn" not in repr(AesCipher((NEW,)))
    for keys in ((), (short,), (NEW, short)):
        with pytest.raises(ValueError, match="32 bytes") as raised:
            AesCipher(keys)
        assert "short" not in str(raised.value)


def test_nonces_are_random_and_long_enough() -> None:
    """By default they come from the operating system."""
    asked: list[int] = []

    def random(count: int) -> bytes:
        asked.append(count)
        return os.urandom(count)

    AesCipher((NEW,), random).seal("the secret", destination_id="acme", field="key")
    assert asked == [NONCE_BYTES]
