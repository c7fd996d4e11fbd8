"""The people behind the events, with and without a user id, and their devices."""

from infra.local.sample.devices import DEVICES
from infra.local.sample.entropy import mix, octets
from infra.local.sample.logins import Logins, Owner
from infra.local.sample.places import PLACES
from infra.local.sample.pools import NO_GROUP, POOL, groups
from infra.local.sample.profiles import Profile, Someone, profile_of
from infra.local.sample.recipe import Recipe
from infra.local.sample.times import DAY, Writer

# One person for every five events an hour. The first 60 % have a user id; the others never log in.
_EVENTS_PER_PERSON = 5
_PEOPLE_MIN = 25
_KNOWN_PERCENT = 60
_DEVICES_PER_PERSON_MAX = 3
# Profiles of the most active people, 3 KB each.
_CACHED_PROFILES_MAX = 4096
# People first appeared between 2015 and 2018: before every generated hour.
_ARRIVALS_FROM = 16_436 * DAY
_ARRIVALS = 4 * 365 * DAY


def people(recipe: Recipe) -> int:
    """Return the number of people. They are numbered from 0."""
    return max(_PEOPLE_MIN, recipe.events_per_hour // _EVENTS_PER_PERSON)


def known_people(recipe: Recipe) -> int:
    """Return how many people have a user id: those with the lowest numbers, who are the most active."""
    return people(recipe) * _KNOWN_PERCENT // 100


class Crowd:
    """All people of a recipe, and their devices."""

    __slots__ = (
        "_extra_keys",
        "_known",
        "_logins",
        "_people",
        "_profiles",
        "_project_id",
        "_salt",
        "_writer",
    )

    def __init__(self, recipe: Recipe, writer: Writer) -> None:
        self._people = people(recipe)
        self._known = known_people(recipe)
        self._logins = Logins(recipe, self._known)
        self._salt = int.from_bytes(octets(8, recipe.seed, recipe.project_id, "people"))
        self._project_id = recipe.project_id
        self._extra_keys = recipe.extra_keys
        self._writer = writer
        self._profiles: dict[int, Profile] = {}

    def regular(self, lot: int) -> Profile:
        """Return a person's profile for a random number of 32 bits. A few people are very active."""
        person = self._people * lot * lot >> 64
        device = person * _DEVICES_PER_PERSON_MAX
        if person < self._known:
            device += (lot & 0xFF) % (1 + person % _DEVICES_PER_PERSON_MAX)
        found = self._profiles.get(device)
        if found is None:
            if len(self._profiles) >= _CACHED_PROFILES_MAX:
                self._profiles.clear()
            found = self._profiles[device] = self._regular(person, device)
        return found

    def visitor(self, login: int, event_at: int) -> Profile:
        """Return the profile of a login's device at the event's time: anonymous or the user's."""
        owner = self._logins.owner(login, event_at)
        device_lot = mix(self._salt + 2, login)
        if owner.person is None:
            return self._profile(owner, device_lot, device_lot, self._logins.first_seen(login))
        return self._known_profile(owner, owner.person, device_lot, self._logins.login(login).source_id)

    def _regular(self, person: int, device: int) -> Profile:
        device_lot = mix(self._salt + 1, device)
        if person < self._known:
            return self._known_profile(Owner(self._logins.user_id(person), person), person, device_lot)
        lot = mix(self._salt, person)
        owner = Owner(self._logins.device_id(person), None)
        return self._profile(owner, device_lot, lot, _ARRIVALS_FROM + lot % _ARRIVALS)

    def _known_profile(
        self, owner: Owner, person: int, device_lot: int, merged_id: int | None = None
    ) -> Profile:
        lot = mix(self._salt, person)
        return self._profile(owner, device_lot, lot, _ARRIVALS_FROM + lot % _ARRIVALS, merged_id)

    def _profile(
        self, owner: Owner, device_lot: int, person_lot: int, born: int, merged_id: int | None = None
    ) -> Profile:
        in_group = owner.person is not None and person_lot & 48 == 0
        who = Someone(
            amplitude_id=owner.amplitude_id,
            # The reversed digits of the amplitude id, so no two people have the same.
            user_id=None if owner.person is None else f"user-{str(owner.amplitude_id)[::-1]}@example.org",
            born=born,
            person_lot=person_lot,
            device_lot=device_lot,
            device=DEVICES[device_lot % len(DEVICES)],
            place=PLACES[person_lot % len(PLACES)],
            group=groups()[person_lot % POOL] if in_group else NO_GROUP,
            project_id=self._project_id,
            extra_keys=self._extra_keys and device_lot & 64 != 0,
            merged_id=merged_id,
        )
        return profile_of(who, self._writer)
