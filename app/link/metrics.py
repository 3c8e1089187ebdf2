"""What the worker counts for Prometheus, in one place, so that names and labels agree. Labels never carry ids."""

from prometheus_client import Counter, Gauge, Histogram

from locker_protocol.errors import ProtocolFault

EVENTS_APPLIED = Counter(
    "caibox_site_events_total", "Site events consumed, by type and what became of them", ["type", "fault"]
)
REJECTED = Counter("caibox_rejected_messages_total", "Messages nobody could take, by fault", ["fault"])
DROPPED = Counter("caibox_dropped_messages_total", "Messages dropped because the intake's queue was full")
POSTPONED = Counter("caibox_postponed_total", "Turns put off because the database was busy, by loop", ["loop"])
OUTBOX_BACKLOG = Gauge("caibox_outbox_backlog", "Outbox entries not yet acknowledged by their gateways")
ENTRIES_SENT = Counter("caibox_entries_sent_total", "Entries of down logs sent, repeats included")
RESENDS = Counter("caibox_relay_resends_total", "Times the relay went back for want of an acknowledgement")
SNAPSHOTS = Counter("caibox_snapshots_total", "Down logs begun with a snapshot of the site")
ENTRIES_ACKED = Counter("caibox_entries_acked_total", "Entries acknowledged, by fault", ["fault"])
COMMANDS_ANSWERED = Counter("caibox_commands_answered_total", "Remote commands, by what became of them", ["outcome"])
APPLY_SECONDS = Histogram("caibox_up_batch_seconds", "Time to apply one batch of site events")
MINUTES_SECONDS = Histogram("caibox_minutes_seconds", "Time to write minutes of temperature, all that came together")


def word(fault: str | None) -> str:
    """A gateway's word for a fault as a label: only words of the contract, so that it makes no new time series."""
    return "" if fault is None else fault if fault in set(ProtocolFault) else "other"
