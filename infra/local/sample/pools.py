"""JSON that people share: the groups of their companies and the properties of their accounts."""

from dataclasses import dataclass
from functools import cache

from infra.local.sample.catalogue import dumps
from infra.local.sample.entropy import Dice

POOL = 96


@dataclass(frozen=True, slots=True)
class Group:
    """The JSON inside ``data``, ``groups`` and ``group_properties``, without the braces."""

    ids: bytes
    names: bytes
    properties: bytes


NO_GROUP = Group(b"", b"", b"")


@cache
def groups() -> tuple[Group, ...]:
    """Return the groups of people."""
    return tuple(_group(Dice("groups", number), number) for number in range(POOL))


def _group(dice: Dice, number: int) -> Group:
    company = f"{dice.pick(('Kolibri', 'Ørsund', 'Quercus', '青葉', 'Blaustern'))} {number}"
    team = f"team-{dice.word(4)}"
    about = {
        company: {
            "employees": dice.number(3, 9000),
            "industries": dice.some(("retail", "banque", "Gesundheit", "energy"), 3),
            "plan": dice.pick(("team", "enterprise")),
            "since": f"20{dice.number(10, 25)}-0{dice.number(1, 9)}-1{dice.number(0, 9)}",
        }
    }
    return Group(
        b'"group_ids":{"company":[%d]},' % dice.number(10_000, 99_999),
        dumps({"company": [company], "team": [team]})[1:-1],
        dumps({"company": about, "team": {team: {"seats": dice.number(1, 50)}}})[1:-1],
    )


@cache
def accounts() -> tuple[bytes, ...]:
    """Return user properties, each a JSON object without its closing brace."""
    return tuple(dumps(_account(Dice("accounts", number)))[:-1] for number in range(POOL))


def _account(dice: Dice) -> dict[str, object]:
    return {
        "account": {
            "addons": dice.some(("sso", "audit", "api", "größere-uploads"), 3),
            "balance": dice.number(-5000, 90_000) / 100,
            "plan": dice.pick(("free", "team", "enterprise")),
            "seats": dice.number(1, 400),
            "trial": dice.pick((True, False, False)),
        },
        "favourites": [
            dice.pick(("café", "lampe", "書籍", "garden", "games")) for _ in range(dice.number(0, 4))
        ],
        "initial_campaign": dice.pick(("spring-26", "brand", "retarget-de", None)),
        "initial_referrer": dice.pick(("https://search.example.net/", "https://news.example.org/", "EMPTY")),
        "newsletter": dice.pick((True, False)),
        "nps": dice.number(0, 10),
        "role": dice.pick(("admin", "editor", "viewer", "Prüferin")),
    }
