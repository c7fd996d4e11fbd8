"""The events of an hour. Each depends only on the recipe, the hour and its number.

Events are generated in blocks that share one draw of random bytes. Consecutive events of a block often come
from the same device: real devices upload in batches.
"""

import struct
from binascii import hexlify
from collections.abc import Iterator

from infra.local.sample.catalogue import LOTS, kinds_by_lot
from infra.local.sample.entropy import octets
from infra.local.sample.people import Crowd
from infra.local.sample.profiles import SESSION_MS, Profile
from infra.local.sample.recipe import Recipe
from infra.local.sample.times import DAY, HOUR, MINUTE, SECOND, TimeFormat, Writer, restyle

# Events from this number on are not regular: they are for faults and late blobs.
EXTRA_EVENTS = 1 << 40
_BLOCK = 64
# 16 bytes for the uuid, 16 for the insert id, and six random numbers.
_DRAW = struct.Struct("<32x6I")
_HEX_PER_EVENT = 2 * _DRAW.size
_LOT_BITS = 32
# Of 1,024 events: those of devices that were offline, uploaded an hour to three days later.
_DELAYED = 68
_DELAY_MAX = 3 * DAY - HOUR
# Events of a device around its login: by which part of an hour they precede it (negative: follow it).
_LOGIN_OFFSETS = (1 / 6, -1 / 8, 1 / 30, -1 / 40, 1 / 90, -1 / 3)
# The source corrects a client's clock only if it is wrong by at least this.
_SKEW_MIN = MINUTE

_ROW = (
    b'{"$insert_id":"%b-%b-4%b-8%b-%b%b%b%b%b","client_upload_time":"%b%b%d%b%d},"event_time":"%b","event_type":%b'
    b'%b%b%b%b","server_upload_time":"%b","session_id":%d%b%b-%b-4%b-a%b-%b%b'
)


class Events:
    """The events of one hour."""

    __slots__ = ("_count", "_crowd", "_hour", "_key", "_logins", "_mixed", "_visits", "_writer")

    def __init__(self, recipe: Recipe, hour: int) -> None:
        self._count = recipe.events_per_hour
        self._hour = hour
        self._key = (recipe.seed, recipe.project_id, "events", hour)
        self._logins = recipe.merges
        # At most half of the events, so that the slots of two visits never overlap.
        per_login = min(len(_LOGIN_OFFSETS), self._count // (2 * self._logins)) if self._logins else 0
        self._visits = per_login * self._logins
        self._writer = Writer(recipe.time_format)
        self._mixed = recipe.time_format is TimeFormat.MIXED
        self._crowd = Crowd(recipe, self._writer)

    def uuids(self, first: int, end: int) -> Iterator[str]:
        """Yield the uuids of the events ``first <= number < end``."""
        for block, low, high in _blocks(first, end):
            digits = self._draw(block).hex()
            for at in range(low * _HEX_PER_EVENT, high * _HEX_PER_EVENT, _HEX_PER_EVENT):
                h = digits[at : at + 32]
                yield f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def lines(self, first: int, end: int) -> Iterator[bytes]:
        """Yield the events ``first <= number < end`` as lines, at most a block at once."""
        for block, low, high in _blocks(first, end):
            yield b"".join(self._rows(block, low, high))

    def line(self, number: int) -> bytes:
        """Return one event, without its newline."""
        return b"".join(self.lines(number, number + 1))[:-1]

    def _draw(self, block: int) -> bytes:
        return octets(_BLOCK * _DRAW.size, *self._key, block)

    def _rows(self, block: int, low: int, high: int) -> Iterator[bytes]:
        draw = self._draw(block)
        digits = hexlify(draw)
        person = 0
        for place, (who, what, lag, delay, slot, more) in enumerate(_DRAW.iter_unpack(draw)):
            # About every fourth event begins a new batch of a device.
            if place == 0 or who % 4 == 0:
                person = who
            if not low <= place < high:
                continue
            number = block * _BLOCK + place
            uploaded = self._uploaded(number, slot)
            received = uploaded - 100_000 - (more & 0x7FFFF)
            happened = received - 300_000 - lag % (30 * SECOND)
            profile = self._visitor(number, happened)
            if profile is None:
                profile = self._crowd.regular(person)
                if more >> 22 < _DELAYED:
                    happened -= HOUR + (delay * _DELAY_MAX >> _LOT_BITS)
            at = place * _HEX_PER_EVENT
            row = self._row(profile, digits[at : at + 64], (uploaded, received, happened), (what, lag, delay))
            yield restyle(row, what >> 24) if self._mixed else row

    def _uploaded(self, number: int, slot: int) -> int:
        """Return the upload time. Regular events are in order and fill the hour to its last microsecond."""
        start = self._hour * HOUR
        if number >= EXTRA_EVENTS:
            return start + (slot * HOUR >> _LOT_BITS)
        if number == 0:
            return start
        if number == self._count - 1:
            return start + HOUR - 1
        return start + (number * HOUR + (slot * HOUR >> _LOT_BITS)) // self._count

    def _visitor(self, number: int, happened: int) -> Profile | None:
        """Return the device of a login at about this time, if the event belongs to a login."""
        if number >= EXTRA_EVENTS or number * self._visits % self._count >= self._visits:
            return None
        login, turn = divmod(number * self._visits // self._count, self._visits // self._logins)
        offset = _LOGIN_OFFSETS[turn] * self._logins
        ahead = max(1, round(offset)) if offset > 0 else min(-1, round(offset))
        return self._crowd.visitor(self._hour * self._logins + login + ahead, happened)

    def _row(
        self, who: Profile, digits: bytes, times: tuple[int, int, int], lots: tuple[int, int, int]
    ) -> bytes:
        uploaded, received, happened = times
        what, lag, delay = lots
        text = self._writer.text
        kind = kinds_by_lot()[what % LOTS]
        client_upload = received - 20_000 - delay % 280_000 + who.skew
        # The source's correction: event_time = client_event_time + (server_received - client_upload).
        off = received - client_upload
        client_event = happened - off if abs(off) >= _SKEW_MIN else happened
        session = -1
        if who.has_sessions:
            now = happened // 1000 - who.session_phase_ms
            session = now - now % (SESSION_MS) + who.session_phase_ms
        return _ROW % (
            digits[32:40],
            digits[40:44],
            digits[45:48],
            digits[49:52],
            digits[52:64],
            who.amplitude_event_type,
            kind.amplitude_event_type,
            who.client_event_time,
            text(client_event),
            text(client_upload),
            who.event_id,
            (happened // SECOND - who.born_second) // 20,
            b',"event_properties":' + kind.properties[(what >> 10) % len(kind.properties)],
            lag % 60_000,
            text(happened),
            kind.event_type,
            who.processed_time,
            text(uploaded + 200_000 + what % 2_500_000),
            who.server_received_time,
            text(received),
            text(uploaded),
            session,
            who.uuid,
            digits[0:8],
            digits[8:12],
            digits[13:16],
            digits[17:20],
            digits[20:32],
            who.end,
        )


def _blocks(first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield each block of the range, with the positions in it where the range begins and ends."""
    number = first
    while number < end:
        block, low = divmod(number, _BLOCK)
        high = min(_BLOCK, low + end - number)
        yield block, low, high
        number += high - low
