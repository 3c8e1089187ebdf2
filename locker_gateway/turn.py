"""One input's handling: what time it is, and everything that was decided so far, in order."""

from typing import Literal

import msgspec

from locker_gateway.doors import STANDS_OPEN, Happening, after
from locker_gateway.inputs import StoredEvent
from locker_gateway.outputs import AppendAudit, AppendEvent, Delete, Output, Publish, Put, Record, Said
from locker_gateway.records import Row, Stamp, Table, UpLog
from locker_gateway.state import ONLY, DoorNow, Site
from locker_protocol.bus_messages import Command, Unlock
from locker_protocol.clock import Now
from locker_protocol.codec import encode
from locker_protocol.ids import RandomBytes, random_id
from locker_protocol.signing import Direction, seal
from locker_protocol.site_events import SiteEvent, UnlockGranted
from locker_protocol.topics import bus_topic, uplink_topic
from locker_protocol.uplink_messages import Presence, Up

# The gateway's own key; the service knows it by this number.
OWN_KEY_ID = 1
CACHED_EVENTS = 512
STAMP_EVERY_MS = 60_000


class Turn:
    """Collects the outputs of one step. `civil_ms` never runs backwards, `ms` is monotonic."""

    def __init__(self, site: Site, now: Now, random: RandomBytes) -> None:
        site.civil_ms = max(site.civil_ms, now.civil_ms)
        self.site = site
        self.civil_ms = site.civil_ms
        self.ms = now.monotonic_ms
        self.outputs: list[Output] = []
        self._random = random

    def new_id(self) -> str:
        """Make an identifier that tells nothing."""
        return random_id(self._random)

    # --- records

    def put(self, table: Table[Row], key: str, row: Row) -> None:
        """Keep a row, in memory now and in the store with this step's commit."""
        table.rows[key] = row
        self.outputs.append(Put(table.kind, key, msgspec.json.encode(row)))

    def delete(self, table: Table[Row], key: str) -> None:
        """Forget a row, if there is one."""
        if table.rows.pop(key, None) is not None:
            self.outputs.append(Delete(table.kind, key))

    def event(self, event: SiteEvent) -> None:
        """Tell the service, under the next number of the up log."""
        site = self.site
        seq, body = site.up.seq + 1, encode(event)
        self.put(site.up_log, ONLY, UpLog(site.up.log_id, seq, site.up.base))
        self.outputs.append(AppendEvent(seq, self.civil_ms, event, body))
        cache = site.sending.cache
        follows = cache[-1].seq == seq - 1 if cache else site.mark == seq - 1
        if follows and len(cache) < CACHED_EVENTS:
            cache.append(StoredEvent(seq, self.civil_ms, body))
        site.status_wanted = True

    def audit(self, row: UnlockGranted) -> None:
        """Write who did what, by what right, to the chain, and tell it: the service holds its chain against ours."""
        self.outputs.append(AppendAudit(self.civil_ms, encode(row)))
        self.event(row)

    # --- sends

    @property
    def unlocks(self) -> bool:
        """True when this step moves a bolt."""
        return any(isinstance(each, Publish) and each.unlocks for each in self.outputs)

    def command(self, controller: str, message: Command, *, qos: Literal[0, 1] = 1) -> None:
        """Send to one controller."""
        topic = bus_topic(self.site.config.gateway, controller, "command")
        self.outputs.append(Publish("bus", topic, encode(message), qos, unlocks=isinstance(message, Unlock)))

    def up(self, message: Up, *, qos: Literal[0, 1] = 1) -> None:
        """Send to the service, sealed."""
        self._to_service("up", seal_up(self.site, message), qos=qos, retain=False)

    def presence(self, message: Presence) -> None:
        """Tell the service that the gateway is there. Kept by the broker, as its will is."""
        self._to_service("presence", seal_up(self.site, message), qos=1, retain=True)

    def _to_service(self, kind: Literal["up", "presence"], frame: bytes, *, qos: Literal[0, 1], retain: bool) -> None:
        config = self.site.config
        if self.site.uplink_up:
            topic = uplink_topic(config.shard, config.gateway, kind)
            self.outputs.append(Publish("uplink", topic, frame, qos, retain))

    def say(self, event: str, *, level: Literal["info", "warning"] = "info", **fields: object) -> None:
        """Leave a line in the log."""
        self.outputs.append(Said(event, {name: value for name, value in fields.items() if value is not None}, level))

    # --- doors

    def move(self, door: int, happening: Happening) -> bool:
        """Move a door's state by the table; False when nothing changed."""
        known = self.site.door_now.setdefault(door, DoorNow(since_ms=self.ms))
        state = after(known.state, happening)
        if state is known.state:
            return False
        if (state in STANDS_OPEN) != (known.state in STANDS_OPEN):
            known.since_ms, known.told_s = self.ms, 0
        known.state = state
        self.site.status_wanted = True
        return True

    # --- the end

    def finish(self) -> list[Output]:
        """Close the step: time is stamped with whatever is committed, and once a minute."""
        stamp = self.site.stamps.rows.get(ONLY)
        age_ms = self.civil_ms - stamp.civil_ms if stamp else STAMP_EVERY_MS
        records = any(isinstance(each, Record) for each in self.outputs)
        if age_ms > 0 and (records or age_ms >= STAMP_EVERY_MS):
            self.put(self.site.stamps, ONLY, Stamp(self.civil_ms))
        return self.outputs


def seal_up(site: Site, message: Up | Presence) -> bytes:
    """Sign a message with the gateway's own key."""
    config = site.config
    return seal(
        encode(message),
        direction=Direction.UP,
        gateway=config.gateway,
        key_id=OWN_KEY_ID,
        key=config.private_key,
    )


def keep(turn: Turn, table: Table[Row], key: str, **changes: object) -> Row:
    """Change some fields of a row that is there."""
    row = msgspec.structs.replace(table.rows[key], **changes)
    turn.put(table, key, row)
    return row
