"""About thirty event types with their properties, written as JSON in advance."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from infra.local.sample.entropy import Dice

type Json = object

VARIANTS_PER_KIND = 48
# Lots are drawn with the low bits of a number. The event type of rank r has a share of 1/r (Zipf).
LOTS = 1024

_PAGES = (
    "/",
    "/pricing",
    "/search",
    "/cart",
    "/account/settings",
    "/blog/über-uns",
    "/docs/start",
    "/produkte/größe",
)
_TITLES = (
    "Start",
    "Preise für Teams",
    "検索結果",
    "Your cart",
    "Paramètres",
    "Release notes 🎉",
    "Naïve questions",
)
_SITES = (
    "https://www.example.com/",
    "https://news.example.org/a?id=",
    "https://search.example.net/?q=",
    None,
)
_ITEMS = (
    *(
        "Crème brûlée torch",
        "Kaffeemühle",
        "抹茶セット",
        "Desk lamp “Nova”",
        "USB-C cable 2 m",
        "Notebook A5",
    ),
    *(
        "Wärmflasche",
        "Reading glasses +1.5",
        "Backpack 22\u202fl",
        "Garden hose",
        "Żurek mix",
        "Board game: Ægir",
    ),
)
_BRANCHES = ("control", "treatment", "treatment_b", "holdout")
_TESTS = ("checkout-short", "hero-video", "ranking-v7", "onboarding-2026", "dark-default")


def _item(dice: Dice) -> Json:
    return {
        "name": dice.pick(_ITEMS),
        "price": dice.number(99, 49_999) / 100,
        "quantity": dice.number(1, 4),
        "sku": f"{dice.word(3)}-{dice.number(1000, 9999)}".upper(),
        "tags": dice.some(("new", "sale", "bio", "gift", "b-stock"), 2),
    }


_MAKERS: dict[str, Callable[[Dice], Json]] = {
    "amount": lambda d: d.number(0, 99_999) / 100,
    "button": lambda d: d.pick(("buy-now", "sign-up", "more", "close", "like", "weiter")),
    "cart": lambda d: {
        "coupon": d.pick((None, "SPRING26", "FREUNDE")),
        "currency": d.pick(("EUR", "USD", "JPY")),
        "items": [_item(d) for _ in range(d.number(1, 3))],
        "total": d.number(500, 90_000) / 100,
    },
    "duration": lambda d: d.number(1, 600_000) / 1000,
    "error": lambda d: {
        "code": d.pick((400, 404, 409, 500)),
        "fatal": d.pick((True, False)),
        "text": d.pick(_TITLES),
    },
    "experiments": lambda d: {test: d.pick(_BRANCHES) for test in d.some(_TESTS, 3)},
    "form": lambda d: {
        "fields": d.some(("email", "name", "größe", "zip"), 3),
        "valid": d.pick((True, True, False)),
    },
    "item": _item,
    "page": lambda d: {
        "path": d.pick(_PAGES),
        "referrer": d.pick(_SITES),
        "scroll": d.number(0, 100) / 100,
        "title": d.pick(_TITLES),
        "url": f"https://shop.example.com{d.pick(_PAGES)}",
    },
    "plan": lambda d: d.pick(("free", "team", "enterprise")),
    "position": lambda d: d.number(0, 40),
    "query": lambda d: d.pick(("lampe", "café crème", "抹茶", "usb c", "gift for dad", "größe 42")),
    "results": lambda d: [d.number(10_000, 99_999) for _ in range(d.number(2, 8))],
    "screen": lambda d: {
        "height": d.pick((844, 1080, 1440)),
        "ratio": d.pick((1, 1.5, 2.625, 3)),
        "width": 390,
    },
    "success": lambda d: d.pick((True, True, True, False)),
}
# In order of frequency. The source itself makes the two of sessions, and repeats their name in another field.
_KINDS: tuple[tuple[str, str], ...] = (
    ("page_viewed", "page experiments screen"),
    ("button_clicked", "button page position screen"),
    ("item_viewed", "item page experiments"),
    ("search", "query results page duration"),
    ("session_start", "screen page"),
    ("item_added_to_cart", "item cart page"),
    ("session_end", "duration screen"),
    ("list_scrolled", "position page results"),
    ("cart_viewed", "cart page"),
    ("video_played", "duration page success"),
    ("checkout_started", "cart experiments page"),
    ("purchase", "cart amount success experiments"),
    ("sign_in", "form success page"),
    ("filter_applied", "query results page"),
    ("push_received", "success screen experiments"),
    ("push_opened", "success screen page"),
    ("form_submitted", "form page duration"),
    ("error_shown", "error page screen"),
    ("item_removed_from_cart", "item cart"),
    ("wishlist_changed", "item page position"),
    ("coupon_entered", "cart success"),
    ("review_written", "item form page"),
    ("share", "button item page"),
    ("settings_changed", "form plan screen page"),
    ("plan_changed", "plan amount success page"),
    ("invitation_sent", "plan form page success"),
    ("file_exported", "duration success page plan"),
    ("sign_up", "form plan experiments page"),
    ("refund_requested", "cart amount error"),
    ("Größe gewählt 📏", "item button page"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """An event type, with JSON of its event properties that lacks only the last number."""

    event_type: bytes
    amplitude_event_type: bytes
    properties: tuple[bytes, ...]


def dumps(value: Json) -> bytes:
    """Return compact JSON with sorted keys and unescaped characters."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _kind(name: str, fields: str) -> Kind:
    variants = []
    for variant in range(VARIANTS_PER_KIND):
        dice = Dice("properties", name, variant)
        properties = {field: _MAKERS[field](dice) for field in fields.split()}
        variants.append(dumps(properties)[:-1] + b',"elapsed_ms":')
    own = dumps(name if name.startswith("session_") else None)
    return Kind(dumps(name), own, tuple(variants))


@cache
def kinds_by_lot() -> tuple[Kind, ...]:
    """Return an event kind for each lot. Frequent kinds have more lots."""
    shares = [1 / rank for rank in range(1, len(_KINDS) + 1)]
    lots: list[Kind] = []
    for rank, (name, fields) in enumerate(_KINDS, start=1):
        end = round(LOTS * sum(shares[:rank]) / sum(shares))
        lots += [_kind(name, fields)] * (end - len(lots))
    return tuple(lots)
