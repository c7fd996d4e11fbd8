"""The codec of each data type."""

from collections.abc import Callable, Collection
from typing import Any

from exporter.domain.data_types import DataType
from exporter.domain.destination import Output
from exporter.domain.hour import Hour
from exporter.domain.streams import Stream
from exporter.pipeline.codec import Codec
from exporter.pipeline.events import EventCodec
from exporter.pipeline.merged_ids import MergedIdCodec
from exporter.pipeline.native.codec import NativeEventCodec
from exporter.pipeline.native.filtered import FilteredEventCodec
from exporter.pipeline.native.scanner import library

CODECS: dict[DataType, Callable[[Stream, Hour, Output], Codec[Any]]] = {
    DataType.EVENTS: lambda stream, hour, output: EventCodec(stream.source_id, hour, output),
    DataType.MERGED_IDS: lambda _stream, hour, _output: MergedIdCodec(hour),
}
"""Makes the codec for one hour of a stream, with a destination's output settings."""


def codec_of(stream: Stream, hour: Hour, output: Output, *, read: Collection[str] | None) -> Codec[Any]:
    """Return the codec for one hour of a stream, with native code where that is possible.

    ``read`` are the fields of its rows that others than the codec read, such as a filter; None: all of them.
    Native code is not possible if that is all, or if unknown keys are kept.
    """
    codec, native = CODECS[stream.data_type](stream, hour, output), library()
    if native is None or read is None or not isinstance(codec, EventCodec) or codec.keeps_extra:
        return codec
    if not read:
        return NativeEventCodec(codec, native)
    return FilteredEventCodec(codec, native, read)
