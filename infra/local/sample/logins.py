"""Logins: events and merged ids are both derived from them.

Logins are numbered through all hours, in time order, so that each is a function of its number. A device is
anonymous until its login, when its amplitude id is merged into the user's. Every fifth device is first merged
into the next device, which is still anonymous and logs in later: merges form chains.
"""

from dataclasses import dataclass

from infra.local.sample.entropy import mix, octets
from infra.local.sample.recipe import Recipe
from infra.local.sample.times import HOUR

# Amplitude ids have twelve digits. Users, devices and logins have separate ranges. Within its range, a number
# is multiplied by an odd number modulo a power of two, so that ids look random and never collide.
_ID_RANGE = 1 << 38
_ID_SPREAD = 0x1F3D5B79A7
_USERS, _DEVICES, _LOGINS = 100_000_000_000, 400_000_000_000, 700_000_000_000
# Numbers of logins for faults and late blobs: above those of all regular logins.
_EXTRA_LOGINS = 1 << 37
_EXTRA_LOGINS_PER_HOUR = 1 << 17
_CHAIN_EVERY = 5
# With one login an hour, events of a device may precede it by two hours.
_SEEN_BEFORE_LOGIN = 3 * HOUR
# From the device's time to the server's. Events take longer (events.py), so an event that was uploaded before
# the merge also happened before it.
MERGE_LAG_MAX_MS = 399


@dataclass(frozen=True, slots=True)
class Login:
    """A device's amplitude id is merged at ``merge_ms``; the server receives that at ``server_ms``."""

    number: int
    source_id: int
    merge_ms: int
    server_ms: int


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a device's events at some time; ``person`` is None while the device is anonymous."""

    amplitude_id: int
    person: int | None


class Logins:
    """The logins of a recipe."""

    __slots__ = ("_known", "_per_hour", "_salt", "_seed")

    def __init__(self, recipe: Recipe, known_people: int) -> None:
        self._per_hour = recipe.merges
        self._known = known_people
        self._seed = int.from_bytes(octets(8, recipe.seed, recipe.project_id, "logins"))
        self._salt = self._seed % _ID_RANGE

    def user_id(self, person: int) -> int:
        """Return the amplitude id of a known person."""
        return _USERS + (person * _ID_SPREAD + self._salt) % _ID_RANGE

    def device_id(self, person: int) -> int:
        """Return the amplitude id of a person who never logs in."""
        return _DEVICES + (person * _ID_SPREAD + self._salt) % _ID_RANGE

    def login(self, number: int) -> Login:
        """Return a regular login. They are spread evenly over the hour."""
        hour, slot = divmod(number, self._per_hour)
        offset = (slot * HOUR + mix(self._seed, number) % HOUR) // self._per_hour
        return self._at(number, hour * HOUR + offset)

    def beyond(self, hour: int, ordinal: int) -> Login:
        """Return a login besides the regular ones, at some time in the hour, of a new device."""
        number = _EXTRA_LOGINS + hour * _EXTRA_LOGINS_PER_HOUR + ordinal
        return self._at(number, hour * HOUR + mix(self._seed, number) % HOUR)

    def _at(self, number: int, server: int) -> Login:
        source = _LOGINS + (number * _ID_SPREAD + self._salt) % _ID_RANGE
        lag = 20 + mix(number, self._seed) % (MERGE_LAG_MAX_MS - 19)
        return Login(number, source, server // 1000 - lag, server // 1000)

    def person(self, number: int) -> int:
        """Return the known person who logs in."""
        return mix(self._seed + 1, number) % self._known

    def target_id(self, number: int) -> int:
        """Return the target of the merge: the amplitude id of the user or of the next device."""
        if self._chains(number):
            return self.login(number + 1).source_id
        return self.user_id(self.person(number))

    def owner(self, number: int, event_at: int) -> Owner:
        """Return the owner of an event of the login's device, by the event's time."""
        login = self.login(number)
        while event_at >= login.merge_ms * 1000:
            if not self._chains(login.number):
                person = self.person(login.number)
                return Owner(self.user_id(person), person)
            login = self.login(login.number + 1)
        return Owner(login.source_id, None)

    def first_seen(self, number: int) -> int:
        """Return when the device of a regular login first appeared: before all its events."""
        return self.login(number).merge_ms * 1000 - _SEEN_BEFORE_LOGIN

    def _chains(self, number: int) -> bool:
        return number % _CHAIN_EVERY == 0 and number < _EXTRA_LOGINS
