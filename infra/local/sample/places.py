"""The places of the events. Coordinates are those of the cities, to a tenth of a degree."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A city as an address look-up would name it."""

    country: str
    region: str | None
    city: str | None
    dma: str | None
    language: str
    latitude: float | None
    longitude: float | None


PLACES = (
    Place("Germany", "Bavaria", "München", None, "German", 48.1, 11.6),
    Place("Germany", "North Rhine-Westphalia", "Köln", None, "German", 50.9, 7.0),
    Place("Germany", "Land Berlin", "Berlin", None, "German", 52.5, 13.4),
    Place(
        "United States",
        "California",
        "San José",
        "San Francisco-Oakland-San Jose, CA",
        "English",
        37.3,
        -121.9,
    ),
    Place("United States", "New York", "Brooklyn", "New York, NY", "English", 40.6, -73.9),
    Place("United States", "Texas", "Austin", "Austin, TX", "English", 30.3, -97.7),
    Place("United States", "Illinois", "Chicago", "Chicago, IL", "English", 41.9, -87.6),
    Place("United Kingdom", "England", "London", None, "English", 51.5, -0.1),
    Place("United Kingdom", "Scotland", "Edinburgh", None, "English", 55.9, -3.2),
    Place("France", "Île-de-France", "Paris", None, "French", 48.9, 2.4),
    Place("France", "Auvergne-Rhône-Alpes", "Saint-Étienne", None, "French", 45.4, 4.4),
    Place("Spain", "Andalusia", "Málaga", None, "Spanish", 36.7, -4.4),
    Place("Poland", "Łódź Voivodeship", "Łódź", None, "Polish", 51.8, 19.5),
    Place("Czechia", "South Moravian Region", "Brno-střed", None, "Czech", 49.2, 16.6),
    Place("Türkiye", "İstanbul", "İstanbul", None, "Turkish", 41.0, 29.0),
    Place("Brazil", "São Paulo", "São Paulo", None, "Portuguese", -23.5, -46.6),
    Place("Mexico", "Nuevo León", "Monterrey", None, "Spanish", 25.7, -100.3),
    Place("Japan", "東京都", "渋谷区", None, "Japanese", 35.7, 139.7),
    Place("Japan", "Ōsaka", "Sakai", None, "Japanese", 34.6, 135.5),
    Place("South Korea", "서울특별시", "강남구", None, "Korean", 37.5, 127.0),
    Place("India", "Karnataka", "Bengaluru", None, "English", 13.0, 77.6),
    Place("India", "Maharashtra", "Mumbai", None, "Hindi", 19.1, 72.9),
    Place("Vietnam", "Hà Nội", "Hà Nội", None, "Vietnamese", 21.0, 105.8),
    Place("Côte d'Ivoire", "Abidjan", "Abidjan", None, "French", 5.4, -4.0),
    Place("Iceland", "Höfuðborgarsvæðið", "Reykjavík", None, "Icelandic", 64.1, -21.9),
    Place("Australia", "Victoria", "Melbourne", None, "English", -37.8, 145.0),
    # An address about which a look-up finds little.
    Place("Canada", None, None, None, "English", None, None),
)
