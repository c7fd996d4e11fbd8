"""Write the zip that is deployed: ``python -m infra.local.package FILE``.

It has what ``.funcignore`` does not exclude, in a fixed order and with fixed times, so that one state of the
project has one zip, whose checksum can be compared. Azure installs ``requirements.txt`` when it is deployed
with a remote build.
"""

import hashlib
import re
import sys
import zipfile
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# What a zip says of the time of a file begins with this year.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def packaged(project: Path = PROJECT) -> Iterator[Path]:
    """Yield the files of the package, relative to the project, by name."""
    lines = (project / ".funcignore").read_text().splitlines()
    ignored = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    places = [re.compile(translate(each)) for each in ignored if "/" in each]
    names = [re.compile(translate(each)) for each in ignored if "/" not in each]

    def excluded(path: Path) -> bool:
        return any(each.match(path.name) for each in names) or any(each.match(str(path)) for each in places)

    def within(folder: Path) -> Iterator[Path]:
        for found in sorted(folder.iterdir()):
            path = found.relative_to(project)
            if excluded(path):
                continue
            if found.is_dir():
                yield from within(found)
            elif found.is_file():
                yield path

    return within(project)


def write_package(target: Path, project: Path = PROJECT) -> str:
    """Write the zip, and return its SHA-256."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for path in packaged(project):
            if (project / path) == target.resolve():
                continue
            entry = zipfile.ZipInfo(path.as_posix(), _TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _MODE
            package.writestr(entry, (project / path).read_bytes())
    return hashlib.sha256(target.read_bytes()).hexdigest()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    print(f"{write_package(target)}  {target.name}")
