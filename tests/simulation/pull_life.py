"""A source in a simulated world: its API fails, its workers die and come twice, and its tables are lost.

What is promised, at every moment: a row stands in the landing folder of its hour once at most, no blob is
replaced, no more workers ask the API at once than there are slots, and an hour that is closed holds every row
of the answer that closed it. In the end, each row that the API has stands there once, byte for byte.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime, timedelta
from random import Random

from exporter.domain.claims import LEASE
from exporter.domain.errors import Transient
from exporter.domain.hour import Hour
from exporter.domain.pulls import ExportAnswer, PullStatus, PullTask
from exporter.domain.source import Source
from exporter.ports import Gateways
from exporter.schedule.failures import Failures
from exporter.sources.plan import queue_due
from exporter.sources.pull_hour import PullContext, pull_hour
from exporter.sources.tick import run_pull_tick
from tests.simulation.actors import LOCKED, Actor, Death, Turns, Verdict
from tests.simulation.truth import BrokenPromise
from tests.support.fakes.world import World
from tests.support.pulling import HOUR, a_source, event, lines, member, zipped

SLOTS = 2
ACTORS_MAX = 4
REPULLS = (1, 4)
STEPS = 400
MOMENTS_MAX = 20_000
_VERDICTS = (Verdict.FAILS, Verdict.UNANSWERED, Verdict.TWICE, Verdict.DIES, Verdict.LAST)


class BrokenPullError(BrokenPromise):
    """A promise about sources does not hold."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(kind, what)


class Api:
    """The Export API of a world: its rows appear as time passes, some of them in answers of other hours."""

    def __init__(self, life: "PullLife", hours: int) -> None:
        self.life = life
        self.rows: dict[Hour, list[tuple[datetime, bytes]]] = {}
        self.strays: dict[Hour, list[bytes]] = {}
        self.answered: dict[tuple[Hour, datetime], set[bytes]] = {}
        self.asking: list[Actor] = []
        chance = life.random
        for place in range(hours):
            hour = HOUR.plus(place)
            due = life.source.due_at(hour)
            late = [timedelta(), timedelta(), timedelta(minutes=40), timedelta(minutes=150)]
            rows = [(due + chance.choice(late), number) for number in range(chance.choice([0, 1, 3, 6]))]
            self.rows[hour] = [(time, line_of(hour, number)) for time, number in rows]
        for hour, rows_ in self.rows.items():
            for _, line in rows_:
                if chance.random() < 0.6:
                    self.strays.setdefault(hour.plus(chance.choice([-1, 1])), []).append(line)

    @contextmanager
    def ask(self, _source: Source, hour: Hour) -> Iterator[ExportAnswer]:
        """Answer, or fail."""
        life, actor = self.life, self.life.turns.acting
        known = [line for time, line in self.rows.get(hour, []) if time <= life.now]
        known += self.strays.get(hour, []) if known else []
        if actor is not None:
            self.asking.append(actor)
            awake = [each for each in self.asking if each in life.actors and each not in life.slept]
            if len(awake) > SLOTS:
                raise BrokenPullError("slots", f"{len(awake)} workers ask at once")
        try:
            yield self._answer(hour, known)
        finally:
            if actor is not None:
                self.asking.remove(actor)

    def _answer(self, hour: Hour, known: list[bytes]) -> ExportAnswer:
        chance, trouble = self.life.random, self.life.trouble
        if chance.random() < trouble:
            return ExportAnswer(chance.choice([429, 500, 504]), None, iter([b"busy"]))
        if not known:
            return ExportAnswer(404, None, iter([b"no data"]))
        parts = [known[:2], known[1:], known[3:]]
        content = zipped(
            {member(n, hour): gzip.compress(lines(part), mtime=0) for n, part in enumerate(parts)}
        )
        if chance.random() < trouble:
            broken = [b"<html>", content[:-9], content.replace(b"\x1f\x8b", b"\x1f\x8c", 1)]
            return ExportAnswer(200, None, iter([chance.choice(broken)]))
        self.answered[hour, self.life.now] = set(known)
        return ExportAnswer(200, None, iter([content[:50], content[50:]]))


def line_of(hour: Hour, number: int) -> bytes:
    """Return a row of an hour, unlike any other one."""
    return json.dumps(
        event((hour.start - HOUR.start) // timedelta(hours=1) * 100 + 1000 + number, hour)
    ).encode()


class PullLife:
    """One source and its workers; all that is chance comes from ``random``."""

    def __init__(self, random: Random, *, trouble: float = 0.1) -> None:
        self.random = random
        self.trouble = trouble
        self.world = World()
        self.source = a_source(repull_hours=REPULLS, lag_minutes=60)
        self.now = HOUR.end + timedelta(minutes=50)
        self.turns = Turns(self._after_write)
        self.actors: list[Actor] = []
        self.asleep: dict[Actor, datetime] = {}
        self.slept: set[Actor] = set()
        self.messages: list[tuple[PullTask, bool]] = []
        self.names = 0
        self.happened = Counter[str]()
        self.hours = random.choice([1, 3, 5])
        self.api = Api(self, self.hours)
        self.world.puller.sources.put(self.source, None)
        self.gateways = self._gated()

    def _gated(self) -> Gateways:
        pulls = self.world.gateways.pulls
        gates = {
            each.name: self.turns.gated(each.name, getattr(pulls, each.name))
            for each in fields(pulls)
            if each.name != "api"
        }
        landing = self.turns.gated("landing", self.world.landing)
        return replace(self.world.gateways, landing=landing, pulls=replace(pulls, api=self.api, **gates))

    def _after_write(self, what: str, _arguments: tuple[object, ...]) -> None:
        if what == "upload.create":
            for hour in (HOUR.plus(place) for place in range(-1, self.hours + 1)):
                self._check_once(hour)
        elif what == "progress.put":
            self._check_closed()

    def landed(self, hour: Hour) -> list[bytes]:
        """Return the lines in the folder of an hour."""
        folder = self.source.stream.landing_folder(hour)
        blobs = [self.world.landed.committed[name].body for name in self.world.landed.names(folder)]
        return [line for body in blobs for line in gzip.decompress(body).splitlines()]

    def _check_once(self, hour: Hour) -> None:
        twice = [line for line, times in Counter(self.landed(hour)).items() if times > 1]
        if twice:
            raise BrokenPullError("once", f"{len(twice)} rows of {hour} stand there twice")

    def _check_closed(self) -> None:
        """Check that the hours before ``pulled_until`` hold what was answered."""
        progress = self.world.puller.progress.get(self.source.id)
        if progress is None:
            return
        for record in (found.value for found in self.world.puller.hours.rows.values()):
            if record.hour >= progress.pulled_until or record.asked_at is None:
                continue
            moment = record.asked_at
            answers = [
                rows
                for (hour, asked_at), rows in self.api.answered.items()
                if hour == record.hour and asked_at.replace(microsecond=0) == moment.replace(microsecond=0)
            ]
            own = {line for rows in answers for line in rows} & set(self._lines_of(record.hour))
            if not own <= set(self.landed(record.hour)):
                raise BrokenPullError("closed", f"{record.hour} is closed and lacks rows")

    def _lines_of(self, hour: Hour) -> list[bytes]:
        return [line for _, line in self.api.rows.get(hour, [])]

    def act(self, steps: int) -> None:
        """Let something happen, again and again."""
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        chance = self.random.random()
        awake = [actor for actor in self.actors if actor not in self.asleep]
        if awake and chance < 0.85:
            self._go_on(self.random.choice(awake))
        elif chance < 0.9:
            self._pass(self.random.choice([1, 20, 40, 100, 400]))
        elif chance < 0.93:
            self._begin("tick", self._tick)
        else:
            self._deliver()

    def _pass(self, seconds: int) -> None:
        """Let time pass; who is awake renews its lease in time."""
        for _ in range(0, seconds, 20):
            self.now += timedelta(seconds=min(seconds, 20))
            for actor in self.actors:
                if actor.renew is not None and actor not in self.asleep and actor.wants not in LOCKED:
                    actor.renew()
        for actor, until in list(self.asleep.items()):
            if until <= self.now:
                del self.asleep[actor]

    def _begin(self, name: str, body: object) -> None:
        if len(self.actors) < ACTORS_MAX:
            self.names += 1
            actor = Actor(f"{name}{self.names}", body, self.turns)  # type: ignore[arg-type]  # a function
            self.actors.append(actor)
            self._go_on(actor)

    def _tick(self) -> None:
        failures = Failures()
        run_pull_tick(self.gateways, now=self.now, slots_max=SLOTS, failures=failures)
        self._raise_broken(failures.found)

    def _raise_broken(self, found: list[Exception]) -> None:
        for error in found:
            if isinstance(error, BrokenPullError) or not isinstance(error, Transient):
                raise error

    def _deliver(self) -> None:
        """Deliver a message, mostly once."""
        self.messages += [(task, False) for task in self.world.puller.queue.take()]
        if self.trouble and self.random.random() < 0.2:
            hour = HOUR.plus(self.random.randrange(self.hours))
            self.messages.append((PullTask(self.source.id, hour), False))
        if not self.messages or len(self.actors) >= ACTORS_MAX:
            return
        task, redelivered = self.messages.pop(self.random.randrange(len(self.messages)))
        luck = self.random.random()
        if luck < 0.05:
            self.happened["message lost"] += 1
            return
        if luck < 0.15:
            self.happened["message doubled"] += 1
            self.messages.append((task, False))
        self._begin("worker", lambda: self._work(task, redelivered=redelivered))

    def _work(self, task: PullTask, *, redelivered: bool) -> None:
        self.names += 1
        worker = PullContext(
            clock=lambda: self.now,
            claim_id=f"claim{self.names}",
            heartbeat=self.turns.heartbeat,
            slots_max=SLOTS,
            redelivered=redelivered,
        )
        try:
            outcome = pull_hour(task, self.gateways, worker)
            if outcome.answered:
                queue_due(self.gateways.pulls, self.source, self.now, SLOTS)
        except (Transient, Death):
            self.messages.append((task, True))
            raise

    def _go_on(self, actor: Actor) -> None:
        """Let an actor make its call, and decide what becomes of it."""
        verdict = Verdict.WORKS
        if self.random.random() < self.trouble / 4:
            verdict = self.random.choice(_VERDICTS)
            self.happened[str(verdict)] += 1
        actor.go_on(verdict)
        if actor.over:
            self.actors.remove(actor)
            self.asleep.pop(actor, None)
            if actor.trouble is not None and not isinstance(actor.trouble, (Transient, Death)):
                raise actor.trouble
        elif self.random.random() < self.trouble / 8:
            self.happened["asleep"] += 1
            self.slept.add(actor)
            self.asleep[actor] = self.now + self.random.choice([1, 3, 20]) * LEASE

    def lose_the_tables(self) -> None:
        """Lose the ledger and the progress while nobody works."""
        if not self.actors:
            self.happened["tables lost"] += 1
            self.world.puller.hours.clear()
            self.world.puller.turns.clear()
            self.world.puller.progress.clear()

    def come_to_rest(self) -> None:
        """Let everything work until each hour was pulled for the last time; then check all of it."""
        self.trouble = 0.0
        end = self.now + timedelta(hours=max(REPULLS) + 7)
        for _ in range(MOMENTS_MAX):
            if self.actors or self.messages or self.world.puller.queue.messages:
                awake = [actor for actor in self.actors if actor not in self.asleep]
                if awake:
                    self._go_on(awake[0])
                elif self.actors:
                    self._pass(400)
                else:
                    self._deliver()
            elif self.now < end:
                self._pass(2400)
                self._begin("tick", self._tick)
            else:
                break
        else:
            raise BrokenPullError("rest", "the puller does not come to rest")
        self._check_end()

    def _check_end(self) -> None:
        records = [found.value for found in self.world.puller.hours.rows.values()]
        if any(record.status is PullStatus.FAILED for record in records):
            # Five bad answers in a row: it is shown as failed, and waits for a person.
            self.happened["hour failed"] += 1
            return
        for place in range(-1, self.hours + 1):
            hour = HOUR.plus(place)
            self._check_once(hour)
            lacking = set(self._lines_of(hour)) ^ set(self.landed(hour))
            if lacking:
                raise BrokenPullError("whole", f"{len(lacking)} rows of {hour} are missing, or are too many")
        progress = self.world.puller.progress.get(self.source.id)
        if progress is None or progress.pulled_until < HOUR.plus(self.hours) or progress.failed:
            raise BrokenPullError("closed", f"the hours are not closed: {progress}")
        turns = [] if self.happened["tables lost"] or self.slept else [*self.world.puller.turns.rows]
        left = [*self.world.puller.answers.committed, *turns]
        if left:
            raise BrokenPullError("left", f"something was left: {left}")


def live_pulling(seed: int, steps: int = STEPS) -> PullLife:
    """Live a life; ``BrokenPullError`` if a promise breaks in it."""
    random = Random(seed)  # noqa: S311  chance that can be repeated
    life = PullLife(random, trouble=random.choice([0.0, 0.1, 0.3]))
    for _ in range(4):
        life.act(steps // 4)
        if random.random() < 0.2:
            life.lose_the_tables()
    life.come_to_rest()
    return life
