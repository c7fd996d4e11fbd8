"""An Export API in memory: a test says what it answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from exporter.domain.errors import Transient
from exporter.domain.hour import Hour
from exporter.domain.pulls import ExportAnswer
from exporter.domain.source import Source

type Answer = bytes | int | tuple[int, timedelta] | Exception
"""A zip; a status without data, perhaps with a time to wait; an error in place of an answer."""

NO_DATA = 404


class FakeExportApi:
    """Answers ``answers`` of an hour in their order, the last one for ever; 404 where none is said.

    ``requests`` are the hours that it was asked for. ``asking`` is called at each request. An answer of an
    hour in ``cut`` ends after so many bytes.
    """

    def __init__(self) -> None:
        self.answers: dict[Hour, list[Answer]] = {}
        self.cut: dict[Hour, int] = {}
        self.requests: list[Hour] = []
        self.asking: Callable[[Source, Hour], None] = lambda _source, _hour: None
        self.open = 0
        self.open_max = 0

    @contextmanager
    def ask(self, source: Source, hour: Hour) -> Iterator[ExportAnswer]:
        """Answer."""
        self.requests.append(hour)
        self.open += 1
        self.open_max = max(self.open, self.open_max)
        try:
            self.asking(source, hour)
            known = self.answers.get(hour, [NO_DATA])
            answer = known.pop(0) if len(known) > 1 else known[0]
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, bytes):
                yield ExportAnswer(200, None, self._body(answer, self.cut.get(hour)))
            else:
                status, wait = answer if isinstance(answer, tuple) else (answer, None)
                yield ExportAnswer(status, wait, iter([b"no data"]))
        finally:
            self.open -= 1

    @staticmethod
    def _body(content: bytes, cut: int | None) -> Iterator[bytes]:
        for start in range(0, len(content) if cut is None else cut, 1000):
            yield content[start : start + 1000]
        if cut is not None:
            raise Transient("the answer was cut off")
