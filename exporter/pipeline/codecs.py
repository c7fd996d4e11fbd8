"""The codec of each data type."""

from collections.abc import Callable
from typing import Any

from exporter.domain.data_types import DataType
from exporter.domain.destination import Output
from exporter.domain.hour import Hour
from exporter.domain.streams import Stream
from exporter.pipeline.codec import Codec
from exporter.pipeline.events import EventCodec
from exporter.pipeline.merged_ids import MergedIdCodec
from exporter.pipeline.native.codec import NativeEventCodec
from exporter.pipeline.native.scanner import library

CODECS: dict[DataType, Callable[[Stream, Hour, Output], Codec[Any]]] = {
    DataType.EVENTS: lambda stream, hour, output: EventCodec(stream.source_id, hour, output),
    DataType.MERGED_IDS: lambda _stream, hour, _output: MergedIdCodec(hour),
}
"""Makes the codec for one hour of a stream, with a destination's output settings."""


def codec_of(stream: Stream, hour: Hour, output: Output, *, rows_are_read: bool) -> Codec[Any]:
    """Return the codec for one hour of a stream, with native code where that is possible.

    It is not if ``rows_are_read`` by others than the codec, such as a filter, or if unknown keys are kept.
    """
    codec = CODECS[stream.data_type](stream, hour, output)
    if rows_are_read or not isinstance(codec, EventCodec) or codec.keeps_extra:
        return codec
    return NativeEventCodec(codec, native) if (native := library()) else codec
