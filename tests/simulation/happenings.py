"""The kinds of event that a simulated world may meet, and the lives that a seed draws from them.

A happening returns whether it came about: to tidy up landing, for example, takes an hour that is exported.
One that did not come about is tried again later. Those of ``STAGE`` say what kind of world it is, and come
first.
"""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

from exporter.backfill.requests import BackfillRequest
from exporter.domain.data_types import DataType
from exporter.domain.destination import Status
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.hour import Hour
from exporter.domain.streams import LandingBlob, StreamKey
from tests.simulation.life import (
    HOST_LEASE,
    HOST_RETRY,
    HOURS,
    OTHER,
    OUTAGE,
    PURCHASES,
    SERVICES,
    THEIRS,
    Life,
    line_of,
)
from tests.simulation.truth import BrokenPromise
from tests.support.fakes.blobs import FOREIGN_BLOCK
from tests.support.worlds import EVENTS, MERGED_IDS, acme

type Happening = Callable[[Life], bool]

CLOCKS_APART_SECONDS = 300.0
# How often what could not happen yet is tried again before all trouble is over.
TRIES_MAX = 3
# How many turns are given for a worker to come to where something is to happen to it.
TURNS_MAX = 60
# How much time passes until it is seen whether a late blob has been looked at.
LOOK_AGAIN_SECONDS = 600
LOOKS_MAX = 5
OTHER_EVENTS = StreamKey(OTHER, EVENTS.stream)


# The stage.


def merged_ids(life: Life) -> bool:
    """Let the destination get merged ids, too."""
    found = life.world.destinations.get("acme")
    if found is None or found.value.org_id is not None:
        return False
    life.world.destinations.put(replace(found.value, org_id=MERGED_IDS.stream.source_id), found.etag)
    return True


def no_markers(life: Life) -> bool:
    """Want no completion markers."""
    return life.edit(completion_marker=False)


def clocks_apart(life: Life) -> bool:
    """Set the clock of each worker, and of each tick, up to five minutes wrong."""
    life.skew = CLOCKS_APART_SECONDS
    return True


def host_times(life: Life) -> bool:
    """Hide messages and deliver them again as the real host does."""
    life.lease, life.retry_after = HOST_LEASE, HOST_RETRY
    return True


def malformed_lines(life: Life) -> bool:
    """Let some blobs hold malformed lines."""
    life.malformed = True
    return True


def sleeps_anywhere(life: Life) -> bool:
    """Let workers fall asleep before any write, not only before those to the customer's container."""
    life.sleeps_anywhere = True
    return True


def predecessor(life: Life) -> bool:
    """Leave another product's files under our names; landing holds some of their rows, or all."""
    key, hour = life.random.choice(life.keys), life.random.choice(HOURS)
    numbers = _leave_files(life, key, hour)
    if not numbers:
        return False
    whole = key.stream.data_type is DataType.MERGED_IDS or life.random.random() < 0.7
    life.land_blob(key, hour, numbers if whole else numbers[1:])
    return True


def predecessor_alone(life: Life) -> bool:
    """Leave another product's files under our names, in an hour in which nothing ever lands."""
    key, hour = life.random.choice(life.keys), life.random.choice(HOURS)
    if not _leave_files(life, key, hour):
        return False
    life.silent.add((key.stream, hour))
    return True


def _leave_files(life: Life, key: StreamKey, hour: Hour) -> list[int]:
    """Put files of a predecessor under our names, unless there are some; return the numbers of their rows."""
    if life.truth.files_of(life.destination.storage.container, key, hour):
        return []
    merges = key.stream.data_type is DataType.MERGED_IDS
    count = 2 if merges else life.random.choice([2, 3, 5])
    numbers = list(dict.fromkeys(life.numbers(key, hour, count)))
    files = 1 if merges or len(numbers) == 1 else life.random.choice([1, 2])
    container = life.world.reader(life.destination.storage.container)
    for number in range(files):
        name, some = life.naming(key).part(hour, number + 1), numbers[number::files]
        container.set(name, gzip.compress(b"".join(line_of(key, each) for each in some), mtime=0))
        life.truth.foreign[name] = tuple(some)
        life.note(f"a predecessor left {name}: {some}")
    life.truth.inherited.add((key, hour))
    life.truth.look("a predecessor")
    return numbers


def other_refuses(life: Life) -> bool:
    """Add a destination whose storage refuses, and goes on to."""
    make_other(life)
    action = life.random.choice(["list", "write", "delete", "read"])
    life.world.reader(THEIRS).faults[action] = OUTAGE
    life.troubled.add(OTHER)
    return True


def make_other(life: Life) -> None:
    """Add another destination, with a container of its own."""
    if OTHER not in life.truth.containers:
        other = acme(org_id=None, activated_at=life.now - timedelta(hours=2), max_part_mib=1, id=OTHER)
        other = replace(other, storage=replace(other.storage, container=THEIRS))
        life.world.destinations.put(other, None)
        life.truth.containers[OTHER] = [THEIRS]
        life.note("another destination")


# What happens in the midst.


def name_style_changed(life: Life) -> bool:
    """Change what stands before the part number."""
    now = life.destination.output.name_style
    return life.edit(name_style=NameStyle.SAFE if now is NameStyle.AMPLITUDE else NameStyle.AMPLITUDE)


def path_layout_changed(life: Life) -> bool:
    """Change the folders of the files to one of the other layouts; the clock chooses, which costs no draw."""
    others = [each for each in PathLayout if each is not life.destination.output.path_layout]
    return life.edit(path_layout=others[life.now.minute % len(others)])


def prefix_changed(life: Life) -> bool:
    """Change the prefix."""
    return life.edit(prefix="" if life.destination.storage.prefix else "new")


def container_changed(life: Life) -> bool:
    """Change the container."""
    return life.edit(container="raw" if life.destination.storage.container == "raw2" else "raw2")


def filter_changed(life: Life) -> bool:
    """Want fewer events, or all of them again."""
    return life.edit(event_filter=None if life.destination.event_filter else PURCHASES)


def marker_setting_changed(life: Life) -> bool:
    """Want completion markers no more, or again."""
    return life.edit(completion_marker=not life.destination.output.completion_marker)


def recreated(life: Life) -> bool:
    """Delete the destination; it is made again some time later."""
    return life.delete()


def paused(life: Life) -> bool:
    """Pause the destination; it is resumed some time later."""
    return life.set_active(active=False)


def tidied_in_part(life: Life) -> bool:
    """Delete some blobs of an exported hour from landing."""
    return _tidy(life, whole=False)


def tidied_as_a_whole(life: Life) -> bool:
    """Delete all blobs of an exported hour from landing."""
    return _tidy(life, whole=True)


def _tidy(life: Life, *, whole: bool) -> bool:
    chosen = [
        names
        for key in life.keys
        for hour in HOURS
        if (record := life.record(key, hour)) is not None and record.done
        if len(names := sorted(life.truth.landing_of(key, hour))) > (0 if whole else 1)
    ]
    if not chosen:
        return False
    names = life.random.choice(chosen)
    gone = names if whole else life.random.sample(names, life.random.randint(1, len(names) - 1))
    unland(life, *gone)
    return True


def unland(life: Life, *names: str) -> None:
    """Delete blobs from landing."""
    for name in names:
        del life.world.landed.committed[name]
        life.note(f"tidied up {name}")


def tidied_before(life: Life) -> bool:
    """Delete a blob of an hour that was never exported from landing."""
    names = [
        name
        for key in life.keys
        for hour in HOURS
        if not life.truth.ever(key, hour)
        if (record := life.record(key, hour)) is None or not record.done
        for name in sorted(life.truth.landing_of(key, hour))
    ]
    if names:
        unland(life, life.random.choice(names))
    return bool(names)


def deleted_while_read(life: Life) -> bool:
    """Delete a landing blob that a worker is about to read; nothing is committed of its hour yet."""
    for blob, record_changed in _about_to_read(life):
        if not record_changed:
            unland(life, blob.name)
            return True
    return False


def put_again_while_read(life: Life) -> bool:
    """Put a blob again that a worker is about to read: the same bytes, another ETag."""
    for blob, _ in _about_to_read(life):
        put_again(life, blob.name)
        return True
    return False


def _about_to_read(life: Life) -> Iterator[tuple[LandingBlob, bool]]:
    """Let workers work until one is about to read; yield the blob, and whether its hour may be half done."""
    for _ in range(TURNS_MAX):
        life.work(1)
        for actor in [*life.workers, *life.frozen]:
            blob = actor.asks[0] if actor.wants == "landing.read" and actor.asks else None
            if isinstance(blob, LandingBlob) and blob.name in life.world.landed.committed:
                landed = life.truth.landed[blob.name]
                key = next(each for each in life.keys if each.stream == landed.stream)
                record = life.record(key, landed.hour)
                untouched = record is None or record.done or record.previous_status is not None
                yield blob, not (untouched or not life.truth.ever(key, landed.hour))


def put_again_some(life: Life) -> bool:
    """Put some landing blob again: the same bytes, another ETag."""
    names = sorted(life.world.landed.committed)
    if names:
        put_again(life, life.random.choice(names))
    return bool(names)


def put_again(life: Life, name: str) -> None:
    """Put a landing blob again."""
    life.world.landed.set(name, life.world.landed.committed[name].body)
    life.truth.put_at[name] = life.now
    life.note(f"put again {name}")


def ledger_lost(life: Life) -> bool:
    """Lose the ledger while nothing is at work."""
    _rest(life)
    lose(life, "ledger")
    return True


def schedule_lost(life: Life) -> bool:
    """Lose the schedule's row of every stream."""
    lose(life, "schedule")
    return True


def breakers_lost(life: Life) -> bool:
    """Lose how destinations fare."""
    lose(life, "breakers")
    return True


def notes_lost(life: Life) -> bool:
    """Lose the notes of hours that were taken again."""
    lose(life, "reopened")
    return True


def slices_lost(life: Life) -> bool:
    """Lose how far slices are."""
    lose(life, "slices")
    return True


def backfills_lost(life: Life) -> bool:
    """Lose the backfills and verifications that were asked for."""
    lose(life, "backfills")
    lose(life, "verifications")
    return True


def tables_lost(life: Life) -> bool:
    """Lose all tables but the destinations', and all messages, while nothing is at work."""
    _rest(life)
    for table in sorted(SERVICES["tables"]):
        lose(life, table)
    life.lose_messages()
    return True


def state_lost(life: Life) -> bool:
    """Lose our container of plans, keys and lists."""
    life.world.own.committed.clear()
    life.note("state lost")
    return True


def tables_and_state_lost(life: Life) -> bool:
    """Lose all of that together."""
    return tables_lost(life) and state_lost(life)


def lose(life: Life, table: str) -> None:
    """Lose the rows of a table."""
    world = life.world
    match table:
        case "schedule":
            world.schedule.rows.clear()
        case "breakers":
            world.breakers.rows.clear()
        case "reopened":
            world.reopened.rows.clear()
        case "verifications":
            world.verifications.rows.clear()
        case "ledger":
            world.ledger.clear()
            # Whose names are changed, too, has rejected rows that nothing ties to an hour any more.
            life.truth.kept.clear()
        case "slices":
            world.slices.clear()
        case "backfills":
            world.backfills.clear()
        case _:
            raise ValueError(f"no table {table}")
    life.note(f"{table} lost")


def _rest(life: Life) -> None:
    """Let all workers finish, sleeping ones too."""
    while life.frozen:
        life.wake()
    life.finish_workers()


def markers_deleted(life: Life) -> bool:
    """Delete the marker of an hour, as a reader may who has loaded it."""
    found = [
        (container, name)
        for container in life.truth.containers["acme"]
        for name, marker in life.truth.markers(container)
        if marker.hour in HOURS
    ]
    if not found:
        return False
    container, name = life.random.choice(found)
    del life.world.reader(container).committed[name]
    life.truth.unmarked.add((container, name))
    life.note(f"a reader deleted {name}")
    return True


def foreign_blocks(life: Life) -> bool:
    """Leave another tool's blocks under one of our names, with ids that are not as long as ours."""
    key, hour = life.random.choice(life.keys), life.random.choice(HOURS)
    naming = life.naming(key)
    name = life.random.choice([naming.part(hour, 1), naming.part(hour, 2), naming.marker(hour)])
    staged = life.world.reader(life.destination.storage.container).staged
    if staged.get(name):
        return False
    staged[name] = {FOREIGN_BLOCK: b"something"}
    life.note(f"another tool's blocks for {name}")
    return True


def verified(life: Life) -> bool:
    """Verify both hours, and hold what is said of them against what is true."""
    life.judge()
    life.verify(repair=False, at_once=life.random.random() < 0.5)
    return True


def verified_with_repair(life: Life) -> bool:
    """Verify both hours, and have what is wrong exported again."""
    life.verify(repair=True, at_once=life.random.random() < 0.5)
    return True


def late_flood(life: Life) -> bool:
    """Land most of an hour late, in large blobs."""
    chosen = _late_places(life)
    if not chosen:
        return False
    key, hour = life.random.choice(chosen)
    for _ in range(3):
        life.land_blob(key, hour, life.numbers(key, hour, 4), large=True)
    return True


def malformed_late(life: Life) -> bool:
    """Land a blob late that holds nothing but malformed lines, and once these are kept, another one."""
    if life.late_malformed is None:
        chosen: list[tuple[StreamKey, Hour]] = []
        for _ in range(LOOKS_MAX):
            chosen = [place for place in _late_places(life) if place[1] == HOURS[-1]]
            if chosen:
                break
            life.tick()
            life.work(40)
        if chosen:
            key, hour = life.random.choice(chosen)
            name = life.land_blob(key, hour, (), malformed=2)
            life.late_malformed = (key, hour, life.truth.landed[name].malformed[0])
        return False
    key, hour, text = life.late_malformed
    for _ in range(LOOKS_MAX):
        if text in life.truth.rejected("acme") or not life.open_for_landing(key, hour):
            break
        life.pass_time(LOOK_AGAIN_SECONDS)
        life.tick()
        life.work(80)
    if text not in life.truth.rejected("acme") or not life.open_for_landing(key, hour):
        return False
    life.land_blob(key, hour, (), malformed=1)
    return True


def _late_places(life: Life) -> list[tuple[StreamKey, Hour]]:
    """Return the hours that are exported, and in which something may still land."""
    return [
        (key, hour)
        for key in life.keys
        for hour in HOURS
        if (record := life.record(key, hour)) and record.done and life.open_for_landing(key, hour)
    ]


def merges_before_the_first(life: Life) -> bool:
    """Land merged ids in an hour before the first that the schedule knows of."""
    first, last = HOURS
    merged_ids(life)
    if life.world.schedule.get(MERGED_IDS) is None:
        if (MERGED_IDS.stream, last) in life.silent or life.truth.landing_of(MERGED_IDS, first):
            return False
        life.silent.add((MERGED_IDS.stream, first))
        if not life.truth.landing_of(MERGED_IDS, last) and life.open_for_landing(MERGED_IDS, last):
            life.land_blob(MERGED_IDS, last, life.numbers(MERGED_IDS, last, 2))
        life.tick()
        return False
    life.silent.discard((MERGED_IDS.stream, first))
    if not life.open_for_landing(MERGED_IDS, first):
        return False
    life.land_blob(MERGED_IDS, first, life.numbers(MERGED_IDS, first, 2))
    return True


def service_unavailable(life: Life) -> bool:
    """Let a whole service answer 503 for a while."""
    life.down[life.random.choice(sorted(SERVICES))] = life.random.randint(2, 15)
    return True


def call_unavailable(life: Life) -> bool:
    """Let one call be answered 503."""
    life.down[life.random.choice(sorted(SERVICES))] = 1
    return True


def other_is_unreadable(life: Life) -> bool:
    """Make a stored row of another destination unreadable."""
    make_other(life)
    return damage_other(life, life.random.choice(["schedule", "breakers", "destinations", "ledger"]))


def damage_other(life: Life, table: str) -> bool:
    """Make the other destination's row in a table unreadable; False if it has none, or if it is already."""
    world = life.world
    place = (OTHER_EVENTS, HOURS[0])
    if table == "schedule" and (OTHER_EVENTS,) in world.schedule.rows:
        world.schedule.spoil(OTHER_EVENTS)
    elif table == "breakers" and world.breakers.unreadable(OTHER) is None:
        world.breakers.put(OTHER, world.breakers.get(OTHER))
        world.breakers.spoil(OTHER)
    elif table == "destinations":
        world.destinations.spoil(OTHER)
    elif table == "ledger" and place in world.ledger.rows and world.ledger.unreadable(*place) is None:
        world.ledger.spoil(*place)
    else:
        return False
    life.troubled.add(OTHER)
    life.note(f"the row of the other destination in {table} cannot be read")
    return True


def loss_accepted(life: Life) -> bool:
    """Ask for a backfill, whatever is lost by it."""
    return life.ask(allow_loss=True) is not None


def messages_lost(life: Life) -> bool:
    """Lose all messages."""
    life.lose_messages()
    return True


def outage(life: Life) -> bool:
    """Let the customer's storage refuse for a while."""
    life.refuse(on=True)
    return True


STAGE: dict[str, Happening] = {
    each.__name__: each
    for each in (
        merged_ids,
        no_markers,
        clocks_apart,
        host_times,
        malformed_lines,
        sleeps_anywhere,
        predecessor,
        predecessor_alone,
        other_refuses,
    )
}
HAPPENINGS: dict[str, Happening] = STAGE | {
    each.__name__: each
    for each in (
        name_style_changed,
        path_layout_changed,
        prefix_changed,
        container_changed,
        filter_changed,
        marker_setting_changed,
        recreated,
        paused,
        tidied_in_part,
        tidied_as_a_whole,
        tidied_before,
        deleted_while_read,
        put_again_while_read,
        put_again_some,
        ledger_lost,
        schedule_lost,
        breakers_lost,
        notes_lost,
        slices_lost,
        backfills_lost,
        tables_lost,
        state_lost,
        tables_and_state_lost,
        markers_deleted,
        foreign_blocks,
        verified,
        verified_with_repair,
        late_flood,
        malformed_late,
        merges_before_the_first,
        service_unavailable,
        call_unavailable,
        other_is_unreadable,
        messages_lost,
        outage,
    )
}
# What needs something else first, and therefore comes about in fewer of the worlds that are to meet it.
RARE = frozenset(
    each.__name__
    for each in (
        tidied_in_part,
        tidied_as_a_whole,
        tidied_before,
        late_flood,
        malformed_late,
        merges_before_the_first,
    )
)
if "allow_loss" in BackfillRequest.__dataclass_fields__:
    HAPPENINGS[loss_accepted.__name__] = loss_accepted


def happen(life: Life, kind: str) -> bool:
    """Let something happen; whether it came about is told, and remembered."""
    came = HAPPENINGS[kind](life)
    if came:
        life.happened.add(kind)
    return came


def live(seed: int, trouble: float | None = None, *, kinds: tuple[str, ...] | None = None) -> Life:
    """Live a whole life that a seed tells, and return it; ``BrokenPromise`` if something was not kept.

    ``kinds`` are the happenings that it may meet, all of them unless they are given.
    """
    random = Random(seed)  # noqa: S311  chance that can be repeated
    chosen = random.choice([0.0, 0.02, 0.05, 0.15]) if trouble is None else trouble
    life = Life(random, chosen, sleepy=random.choice([chosen, 0.1, 0.5]), large=random.choice([0, 0.5]))
    known = tuple(HAPPENINGS) if kinds is None else kinds
    often = [*known, *(kind for kind in known if kind in RARE)]
    some = list(dict.fromkeys(random.sample(often, min(len(often), random.randint(5, 11)))))
    try:
        for kind in some:
            if kind in STAGE:
                happen(life, kind)
        life.land()
        live_through(life, [each for each in some if each not in STAGE], random.randrange(8, 50))
        life.end()
    except BrokenPromise as broken:
        broken.happened = frozenset(life.happened)
        raise
    return life


def live_through(life: Life, kinds: list[str], events: int) -> None:
    """Let so many ordinary events come, and the happenings among them."""
    random = life.random
    ordinary: list[tuple[int, Callable[[], object]]] = [
        (6, lambda: life.work(random.choice([5, 20, 80, 200]))),
        (3, life.land),
        (4, life.tick),
        (1, life.ask),
        (1, life.change),
        (2, lambda: life.pass_time(random.choice([30, 100, 300, 1000, 2000]))),
    ]
    weights, what = zip(*ordinary, strict=True)
    coming = sorted((random.randrange(events), kind) for kind in kinds)
    waiting: list[str] = []
    for number in range(events):
        random.choices(what, weights)[0]()
        _go_back(life)
        while coming and coming[0][0] <= number:
            waiting.append(coming.pop(0)[1])
        waiting = [kind for kind in waiting if not happen(life, kind)]
    for _ in range(TRIES_MAX):
        if waiting:
            life.tick()
            life.work(100)
            waiting = [kind for kind in waiting if not happen(life, kind)]


def _go_back(life: Life) -> None:
    """Undo, after a while, what does not stay: a deletion, a pause, an outage."""
    status = life.destination.status
    if status in {Status.DELETED, Status.DRAFT} and life.random.random() < 0.2:
        life.make_again(life.random.choice(["raw", "raw2", None]))
    elif status is Status.PAUSED and life.random.random() < 0.2:
        life.set_active(active=True)
    elif life.random.random() < 0.1:
        life.refuse(on=False)
