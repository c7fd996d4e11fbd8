"""In-memory twins of our queues."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from tests.support.fakes.writes import Writes


class FakeQueue[Message]:
    """A queue; its messages wait in ``messages``, those with a delay in ``delayed``, until a test takes them.

    ``word`` is how the log of writes names a message. ``oldest_sent`` is when the first of the messages was
    sent, as far as a test says so.
    """

    def __init__(self, writes: Writes, word: Callable[[Message], str]) -> None:
        self._writes = writes
        self._word = word
        self.messages: list[Message] = []
        self.delayed: list[tuple[Message, timedelta]] = []
        self.oldest_sent = datetime.min.replace(tzinfo=UTC)

    def send(self, messages: Iterable[Message], *, delay: timedelta = timedelta()) -> None:
        """Send messages in their order."""
        for message in messages:
            with self._writes.write(f"send {self._word(message)} in {delay}"):
                if delay:
                    self.delayed.append((message, delay))
                else:
                    self.messages.append(message)

    def waiting(self) -> int:
        """Return how many messages wait."""
        return len(self.messages) + len(self.delayed)

    def oldest(self) -> datetime | None:
        """Return when the first of the messages without a delay was sent."""
        return self.oldest_sent if self.messages else None

    def take(self) -> list[Message]:
        """Take out the messages without a delay."""
        taken, self.messages = self.messages, []
        return taken


class ImpatientQueue[Message](FakeQueue[Message]):
    """A queue that delivers every message at once, whatever its delay."""

    def send(self, messages: Iterable[Message], *, delay: timedelta = timedelta()) -> None:
        """Send messages in their order."""
        super().send(messages, delay=delay)
        self.messages += [message for message, _ in self.delayed]
        self.delayed.clear()
