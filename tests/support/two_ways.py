"""Tests of both ways: native code, and Python alone."""

from collections.abc import Collection, Iterator
from functools import cache, partial
from typing import Any

import pytest

from exporter.domain.destination import Output
from exporter.domain.row_schema import Rejection
from exporter.pipeline.codec import Codec
from exporter.pipeline.codecs import codec_of
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.native import scanner
from exporter.pipeline.normalize import Amended
from tests.support.builders import EVENTS, HOUR
from tests.support.native_fuzz import TwoWays

NOT_BUILT = "native code is switched off, or was not built"


def codec_of_events(output: Output | None = None, *, read: Collection[str] | None = ()) -> Codec[Any]:
    """Return the codec of the hour's events, as the export has it."""
    return codec_of(EVENTS, HOUR, output or Output(), read=read)


@pytest.fixture(scope="module", params=["native", "python"])
def each_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the tests of a module with native code and without."""
    native = scanner.library() is not None
    if request.param == "native" and not native:
        pytest.skip(NOT_BUILT)
    scanner.allow(request.param == "native")
    yield
    scanner.allow(native)


@pytest.fixture(scope="module", autouse=True)
def compared() -> Iterator[None]:
    """Give every line of events that a module's tests decode to native code, too; compare the results."""
    native, decode = scanner.library(), EventCodec.decode
    if native is None:
        yield
        return

    @cache
    def ways(codec: EventCodec) -> TwoWays:
        return TwoWays(codec, native, partial(decode, codec))

    def decode_and_compare(codec: EventCodec, line: bytes) -> Event | Amended[Event] | Rejection:
        found = decode(codec, line)
        if not codec.keeps_extra and b"\n" not in line:
            ways(codec).compare(line, found)
        return found

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(EventCodec, "decode", decode_and_compare)
        yield
