"""Both numbered logs of the uplink. Down: take only the next entry, in the commit that applies it, then acknowledge.
Up: send from the mark on, at most four batches ahead, and go back when no acknowledgement comes within 2 s.
"""

from collections.abc import Sequence

import msgspec

from locker_gateway import VERSION, manifest, older_copy
from locker_gateway.inputs import StoredEvent
from locker_gateway.outputs import ReadEvents
from locker_gateway.records import DownLog, LeftLog, Mark, UpLog
from locker_gateway.state import ONLY, Site
from locker_gateway.turn import Turn
from locker_protocol.codec import decode
from locker_protocol.errors import ProtocolError
from locker_protocol.site_entries import Entry, LogPosition, SiteSnapshot
from locker_protocol.uplink_messages import (
    MAX_BATCH,
    RESEND_AFTER_MS,
    DownBatch,
    EntriesApplied,
    EntryResult,
    EventsApplied,
    GatewayBirth,
    NumberedEntry,
    NumberedSiteEvent,
    UpBatch,
)
from locker_protocol.vocabulary import CONTRACT_MINOR

WINDOW = 4 * MAX_BATCH
# A sealed batch must stay below the contract's 64 KiB; an event's number and time add up to 60 bytes.
MAX_BATCH_BYTES = 48 * 1024
EVENT_OVERHEAD = 60
KEPT_REFUSALS = 64
BIRTH_EVERY_MS = 1_000
MARK_EVERY_MS = 1_000


def announce(turn: Turn) -> None:
    """Tell the service who is here and how far both logs are; at most once a second."""
    site = turn.site
    if site.born_ms is not None and turn.ms - site.born_ms < BIRTH_EVERY_MS:
        return
    site.born_ms = turn.ms
    turn.presence(
        GatewayBirth(
            site.config.boot_id,
            turn.civil_ms,
            f"caibox-gateway {VERSION}",
            _down_position(site),
            up_position(site),
            CONTRACT_MINOR,
        )
    )


def connected(turn: Turn) -> None:
    """A fresh connection: birth first, then everything above the mark again."""
    site = turn.site
    site.uplink_up, site.born_ms = True, None
    announce(turn)
    _go_back(turn)


def up_position(site: Site) -> LogPosition:
    """How far the up log has grown."""
    return LogPosition(site.up.log_id, site.up.seq - site.up.base)


def _down_position(site: Site) -> LogPosition | None:
    return LogPosition(site.down.log_id, site.down.seq) if site.down else None


# --- down -------------------------------------------------------------------------------------------------------------


def take_batch(turn: Turn, batch: DownBatch) -> None:
    """Apply what is next, consume what cannot be read, acknowledge. To a log we cannot join, say again who we are."""
    if not batch.entries:
        return
    log = turn.site.down
    if log is None or log.log_id != batch.log_id:
        if not _may_open(turn, batch):
            turn.say("down_log_unknown", level="warning")
            announce(turn)
            return
        log = _open_log(turn, log, batch.log_id)
    before = log
    for entry in batch.entries:
        if entry.seq == log.seq + 1:
            log = _consume(turn, log, entry)
    if log is not before or turn.site.down is None:
        turn.put(turn.site.down_log, ONLY, log)
    refused = [result for result in log.refused if result.seq >= batch.entries[0].seq]
    turn.up(EntriesApplied(log.log_id, log.seq, refused))


def _may_open(turn: Turn, batch: DownBatch) -> bool:
    """A new log begins with a snapshot that can be taken; one that was left before is an old tale told again."""
    first = batch.entries[0]
    if first.seq != 1 or batch.log_id in turn.site.left_logs.rows:
        return False
    try:
        return isinstance(_read(turn, first), SiteSnapshot)
    except ProtocolError:
        return False


def _open_log(turn: Turn, left: DownLog | None, log_id: str) -> DownLog:
    if left is not None:
        turn.put(turn.site.left_logs, left.log_id, LeftLog(turn.civil_ms))
    turn.say("down_log_opened")
    return DownLog(log_id, 0, store_was_new=left is None)


def _consume(turn: Turn, log: DownLog, numbered: NumberedEntry) -> DownLog:
    try:
        manifest.apply(turn, _read(turn, numbered), store_was_new=log.store_was_new)
    except ProtocolError as error:
        turn.say("entry_refused", level="warning", seq=numbered.seq, fault=error.fault)
        refused = (*log.refused, EntryResult(numbered.seq, error.fault))[-KEPT_REFUSALS:]
        return msgspec.structs.replace(log, seq=numbered.seq, refused=refused)
    return msgspec.structs.replace(log, seq=numbered.seq)


def _read(turn: Turn, numbered: NumberedEntry) -> Entry:
    entry: Entry = decode(bytes(numbered.entry), Entry)
    manifest.check(turn, entry)
    return entry


# --- up ---------------------------------------------------------------------------------------------------------------


def take_acknowledgement(turn: Turn, applied: EventsApplied) -> None:
    """The service has the log through here. Less than before: it was restored, and is told again.

    More than was ever written: our own store is an older copy.
    """
    site = turn.site
    if applied.log_id != site.up.log_id:
        turn.say("acknowledgement_unknown", level="warning", seq=applied.seq)
        return
    seq = applied.seq + site.up.base
    if seq > site.up.seq:
        older_copy.begin_anew(turn)
        _go_back(turn)
        pump(turn)  # what is told now is in the snapshot that is asked for
        site.born_ms = None
        announce(turn)
    elif seq != site.mark:
        _move_mark(turn, seq)


def _move_mark(turn: Turn, seq: int) -> None:
    site, sending = turn.site, turn.site.sending
    went_back = seq < site.mark
    site.marks.rows[ONLY] = Mark(seq)
    sending.progress_ms = turn.ms
    while sending.cache and sending.cache[0].seq <= seq:
        sending.cache.popleft()
    sending.sent_through = max(sending.sent_through, seq)
    if went_back:
        _go_back(turn)


def keep_mark(turn: Turn) -> None:
    """Write the mark once a second at most: one that lags only makes us send again."""
    site = turn.site
    if site.mark != site.sending.written_mark and turn.ms - site.marked_ms >= MARK_EVERY_MS:
        site.sending.written_mark, site.marked_ms = site.mark, turn.ms
        turn.put(site.marks, ONLY, Mark(site.mark))


def take_read(turn: Turn, asked: int, events: Sequence[StoredEvent]) -> None:
    """The store's events from where we asked; they replace a cache that had a hole.

    The mark may have gone back meanwhile: then what the answer lacks was not asked for, and nothing is forgotten.
    """
    site, sending = turn.site, turn.site.sending
    wanted = sending.sent_through + 1
    if site.mark + 1 == wanted == asked <= site.up.seq and (not events or events[0].seq > asked):
        _leave_forgotten(turn, events[0].seq - 1 if events else site.up.seq)
    if events and events[0].seq <= sending.sent_through + 1:
        sending.reading_since_ms = None
    sending.cache.clear()
    sending.cache.extend(event for event in events if event.seq > turn.site.mark)


def _leave_forgotten(turn: Turn, through: int) -> None:
    """A restored service asks for what was forgotten long ago. Nobody has it: a new log begins with what is left."""
    site = turn.site
    turn.say("events_forgotten", level="warning", first=site.mark + 1, last=through)
    turn.put(site.up_log, ONLY, UpLog(turn.new_id(), site.up.seq, through))
    site.marks.rows[ONLY] = Mark(through)
    site.sending.sent_through = through
    site.sending.reading_since_ms = None


def pump(turn: Turn) -> None:
    """Send what the window allows."""
    site, sending = turn.site, turn.site.sending
    if not site.uplink_up:
        return
    if sending.sent_through > site.mark and turn.ms - sending.progress_ms >= RESEND_AFTER_MS:
        _go_back(turn)
    while sending.sent_through < site.up.seq and sending.sent_through - site.mark < WINDOW:
        batch = _next_batch(site)
        if not batch:
            _read_on(turn)
            return
        if sending.sent_through == site.mark:
            sending.progress_ms = turn.ms
        sending.sent_through = batch[-1].seq
        turn.up(UpBatch(site.up.log_id, [_numbered(site, event) for event in batch]))


def _numbered(site: Site, event: StoredEvent) -> NumberedSiteEvent:
    return NumberedSiteEvent(event.seq - site.up.base, event.at, msgspec.Raw(event.body))


def _go_back(turn: Turn) -> None:
    sending = turn.site.sending
    sending.sent_through, sending.progress_ms = turn.site.mark, turn.ms


def _next_batch(site: Site) -> list[StoredEvent]:
    """The run of cached events after what was sent, within the batch's limits."""
    cache, first = site.sending.cache, site.sending.sent_through + 1
    if not cache or not cache[0].seq <= first <= cache[-1].seq:
        return []
    start, batch, size = first - cache[0].seq, list[StoredEvent](), 0
    for place in range(start, min(start + MAX_BATCH, len(cache))):
        size += len(cache[place].body) + EVENT_OVERHEAD
        if batch and size > MAX_BATCH_BYTES:
            break
        batch.append(cache[place])
    return batch


def _read_on(turn: Turn) -> None:
    sending = turn.site.sending
    asked_ms = sending.reading_since_ms
    if asked_ms is None or turn.ms - asked_ms >= RESEND_AFTER_MS:
        sending.reading_since_ms = turn.ms
        turn.outputs.append(ReadEvents(sending.sent_through + 1, WINDOW))
