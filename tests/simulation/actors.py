"""Actors that take turns at every call to storage, in an order that the world decides.

Each actor is a greenlet: it runs until it calls storage, and then waits for its turn. The world that
gives it the turn decides what becomes of the call: it works, fails before or after it took effect, takes
effect twice, or is the last thing that its process does.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from greenlet import getcurrent, greenlet

from exporter.domain.errors import Transient
from exporter.domain.marker import StagedFile

# What changes something; every other call reads.
WRITES = frozenset(
    {
        *("put", "put_all", "put_with_names", "commit", "stage", "delete", "fence", "refresh"),
        *("remember", "forget", "discard", "send", "record_test"),
    }
)
# A fence is two calls to storage: the twin's ``empty``, which no port has, and ``delete``. The puller creates
# blobs of landing.
CHANGES = WRITES | {"empty", "create"}
# While one of these is under way its lock is held, and a renewal would wait for it.
LOCKED = frozenset({"ledger.put", "slices.put", "hours.put"})


class Verdict(StrEnum):
    """What becomes of a call."""

    WORKS = "works"
    FAILS = "fails before it took effect"
    UNANSWERED = "took effect, and its answer got lost"
    TWICE = "took effect twice: its answer got lost, and it was sent again"
    DIES = "was never sent: its process died"
    LAST = "was the last thing that its process did"


class Death(BaseException):
    """The process is dead. Nothing catches it."""


@dataclass(eq=False)
class Actor:
    """One process at one task; ``wants`` is the call that it waits to make, ``asks`` are its arguments."""

    name: str
    body: Callable[[], None]
    turns: "Turns"
    wants: str = ""
    asks: tuple[object, ...] = ()
    over: bool = False
    renew: Callable[[], None] | None = None
    trouble: BaseException | None = None
    _greenlet: greenlet = field(init=False)

    def __post_init__(self) -> None:
        self._greenlet = greenlet(self._run)
        self.turns.actors[self._greenlet] = self

    @property
    def about(self) -> str:
        """The name of the blob that the call is about; empty if it is about something else."""
        first = self.asks[0] if self.asks else None
        return first.part.name if isinstance(first, StagedFile) else first if isinstance(first, str) else ""

    def go_on(self, verdict: Verdict) -> None:
        """Let it make its call, and run until the next one, or to its end."""
        self._greenlet.switch(verdict)

    def _run(self, _: Verdict) -> None:
        try:
            self.body()
        except Death:
            self.trouble = Death()
        except BaseException as trouble:  # noqa: BLE001  the world that gives the turns looks at it
            self.trouble = trouble
        self.over = True
        del self.turns.actors[self._greenlet]


class Turns:
    """Who may make a call to storage, and what becomes of it."""

    def __init__(self, after_write: Callable[[str, tuple[object, ...]], None]) -> None:
        self.actors: dict[greenlet, Actor] = {}
        self.calls = 0
        self._after_write = after_write
        self._driver = getcurrent()
        self._dead: set[greenlet] = set()

    @property
    def acting(self) -> Actor | None:
        """The actor whose turn it is, if it is not the driver's own."""
        return self.actors.get(getcurrent())

    def call[Result](self, what: str, do: Callable[[], Result], arguments: tuple[object, ...] = ()) -> Result:
        """Make a call when it is its turn; the driver's own calls always work."""
        me = self.acting
        if me is None:
            return do()
        if getcurrent() in self._dead:
            raise Death
        me.wants, me.asks = what, arguments
        verdict = self._driver.switch()
        self.calls += 1
        writes = what.rpartition(".")[2] in CHANGES
        if verdict in {Verdict.DIES, Verdict.LAST}:
            self._dead.add(getcurrent())
        if verdict is Verdict.DIES:
            raise Death
        if verdict is Verdict.FAILS or (verdict is Verdict.UNANSWERED and not writes):
            raise Transient(f"{what} failed in passing")
        result = do()
        # A block that is sent twice is one block, but a twin would count two.
        if verdict is Verdict.TWICE and writes and not what.endswith(".stage"):
            result = do()
        if writes:
            self._after_write(what, arguments)
        if verdict is Verdict.LAST:
            raise Death
        if verdict is Verdict.UNANSWERED:
            raise Transient(f"the answer of {what} was lost")
        return result

    def gated(self, name: str, inner: object) -> Any:  # noqa: ANN401  stands for whatever it wraps
        """Return something that makes the calls of another thing when it is their turn."""
        return _Gated(self, name, inner)

    def heartbeat(self, renew: Callable[[], None]) -> AbstractContextManager[None]:
        """Remember how the acting one renews its lease, for as long as it works."""

        @contextmanager
        def beating() -> Iterator[None]:
            me = self.acting
            if me is not None:
                me.renew = renew
            try:
                yield
            finally:
                if me is not None:
                    me.renew = None

        return beating()


class _Gated:
    """Passes every call on, one turn each; what is read bit by bit is read at once."""

    def __init__(self, turns: Turns, name: str, inner: object) -> None:
        self._turns, self._name, self._inner = turns, name, inner

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  stands for whatever it wraps
        found = getattr(self._inner, name)
        if name in {"open", "anew"}:
            return lambda *arguments: self._turns.gated("container", found(*arguments))
        if name == "upload":
            return lambda *arguments, **named: self._upload(found(*arguments, **named))
        if name == "fence":
            # Two calls to storage: a worker may sleep or die between them.
            return lambda blob, *, etag: self.delete(blob, etag=self.empty(blob, etag=etag))
        if name == "reading":
            return lambda blobs: self._read_by(found(blobs))

        def call(*arguments: object, **named: object) -> object:
            whole = [list(cast("Iterator[object]", each)) if _is_lazy(each) else each for each in arguments]
            do = lambda: _whole(found(*whole, **named))  # noqa: E731  the call, to be made in its turn
            return self._turns.call(f"{self._name}.{name}", do, tuple(whole))

        return call

    def _read_by(self, read: Callable[[object], object]) -> Callable[[object], object]:
        """Read each blob in a turn of its own: between two of them, anything may happen."""
        return lambda blob: self._turns.call(f"{self._name}.read", lambda: _whole(read(blob)), (blob,))

    @contextmanager
    def _upload(self, opened: AbstractContextManager[object]) -> Iterator[object]:
        with opened as upload:
            yield self._turns.gated("upload", upload)


def _is_lazy(value: object) -> bool:
    return hasattr(value, "__next__")


def _whole(result: object) -> object:
    return iter(list(cast("Iterator[object]", result))) if _is_lazy(result) else result
