"""Devices: models, systems, versions. The brands are invented."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of device. On the web, the browser's name is in place of the system's."""

    platform: str
    os_name: str | None
    os_versions: tuple[str, ...]
    library: str
    brand: str | None
    family: str | None
    model: str | None
    kind: str | None
    carriers: tuple[str | None, ...]
    versions: tuple[str | None, ...]

    @property
    def has_sessions(self) -> bool:
        """Whether a person uses it. Servers send events without a session and without a device id."""
        return self.kind is not None


_MOBILE = ("Meridian Mobile", "Nordlicht", "TéléVague", "青空モバイル", None)
_RELEASES = ("4.11.0", "4.11.2", "4.12.0", "4.12.1")
_BROWSERS = ("138.0.0.0", "139.0.0.0", "140.0.7259.2", "141.0")
_WEB = "amplitude-js/8.21.9"
_NEW_WEB = "amplitude-ts/2.11.4"

DEVICES = (
    Device("Web", "Chrome", _BROWSERS, _NEW_WEB, None, "Windows", "Windows", "Windows", (None,), (None,)),
    Device("Web", "Firefox", _BROWSERS, _NEW_WEB, None, "Linux", "Linux", "Linux", (None,), (None,)),
    Device(
        "Web",
        "Safari",
        ("18.3", "18.4", "26.0"),
        _WEB,
        None,
        "Mac OS X",
        "Macintosh",
        "Mac",
        (None,),
        (None,),
    ),
    Device(
        "Web",
        "Chrome Mobile",
        _BROWSERS,
        _WEB,
        "Orbita",
        "Android",
        "Orbita 9 Lite",
        "Android",
        (None,),
        (None,),
    ),
    Device(
        *("iOS", "ios", ("18.3.1", "18.5", "26.0.1"), "amplitude-swift/1.13.8", "Lumen", "Lumen Phone"),
        *("Lumen Phone 14 Pro", "Phone", _MOBILE, _RELEASES),
    ),
    Device(
        *("iOS", "ios", ("18.3.1", "18.5", "26.0.1"), "amplitude-swift/1.13.8", "Lumen", "Lumen Tab"),
        *("Lumen Tab mini", "Tablet", _MOBILE, _RELEASES),
    ),
    Device(
        *(
            "Android",
            "android",
            ("13", "14", "15", "16"),
            "amplitude-android/1.20.2",
            "Orbita",
            "Orbita Galaxy-Class",
        ),
        *("ORB-G998B", "Android", _MOBILE, _RELEASES),
    ),
    Device(
        *(
            "Android",
            "android",
            ("13", "14", "15", "16"),
            "amplitude-android/1.20.2",
            "Kestrel",
            "Kestrel Fold",
        ),
        *("KF-2201", "Android", _MOBILE, _RELEASES),
    ),
    # A server that sends events for its users, without a device and a session.
    Device("Server", None, ("6.8",), "http/2.0", None, None, None, None, (None,), ("2026.1",)),
)
