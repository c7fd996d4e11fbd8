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

CODECS: dict[DataType, Callable[[Stream, Hour, Output], Codec[Any]]] = {
    DataType.EVENTS: lambda stream, hour, output: EventCodec(stream.source_id, hour, output),
    DataType.MERGED_IDS: lambda _stream, hour, _output: MergedIdCodec(hour),
}
"""Makes the codec for one hour of a stream, with a destination's output settings."""
