"""What nobody inside the system can know: which bag is where, what was really shown, what was ever made durable.

It checks the invariants on whatever each step touched and raises `Violation` at the first that does not hold. It never
asks a program what is true; records it takes as evidence of what was written before something happened.
"""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from locker_gateway.outputs import AppendEvent, Delete, PruneEvents, Publish, Put, PutMinutes, Record
from locker_gateway.records import Code as KeptCode
from locker_gateway.records import DownLog, Grant, Stamp, UpLog
from locker_protocol.bus_messages import Unlock
from locker_protocol.codec import decode
from locker_protocol.site_entries import (
    CancelOrder,
    CredentialManifest,
    Entry,
    IssueCredential,
    PlanOrder,
    RevokeCredential,
    SetDoorCondition,
    SiteSnapshot,
)
from locker_protocol.site_events import ControllerWentSilent, DoorWasOpened, DoorWasShut, ParcelLoaded, UnlockGranted
from locker_protocol.token import SKEW_S
from locker_protocol.vocabulary import Right, Via
from simulation.cold_oracle import ColdOracle
from simulation.kernel import Violation
from simulation.lobby import OWNER, VAN, Opening
from simulation.movements import Movements

if TYPE_CHECKING:
    from simulation.controller_node import ControllerNode
    from simulation.disks import GatewayDisk
    from simulation.gateway_node import GatewayNode
    from simulation.world import World

# Ten seconds from what was shown to the grant, and eight beats (nine seconds) from the beat it echoes to the pulse.
GHOST_MS = 19_500
PULSE_MS = 9_500
# How long after a door's last contact edge its controller may take to write that down.
SETTLES_MS = 200
# A little less than the gateway's ten seconds.
SILENT_MS = 9_000
# The gateway refuses what may be older than ten seconds; crystals err.
CERTAINLY_NEW_MS = 9_500
TO_OWNERS = frozenset({Right.COLLECT, Right.REOPEN, Right.HAND_OVER})
WORKING = frozenset({"pending", "opened"})


@dataclass(frozen=True, slots=True)
class Code:
    """What a text or digits are, in truth. `order_id` is `None` for what no order's owner was ever given."""

    order_id: str | None
    generation: int = 0
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """Somebody showed something at a locker."""

    at_ms: int
    controller: str
    text: str
    code: Code
    typed: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asked for doors from afar; worth nothing after `not_after`, by the gateway's clock."""

    at_ms: int
    not_after: int


@dataclass(slots=True)
class KnownGrant:
    """One door of a grant, as it was made durable."""

    command_id: str
    grant_id: str
    right: Right
    via: Via
    actor: str
    asked_at: str
    order_id: str | None
    parcel_id: str | None
    door: int
    at_ms: int
    generation: int = 0
    remote_id: str | None = None


@dataclass(slots=True)
class Told:
    """What the gateway made durable of what it was told of an order's codes."""

    generation: int = 0
    revoked_through: int = -1
    cancelled: bool = False


@dataclass(slots=True)
class GatewayMemory:
    """What the gateway's present store has seen; gone with it."""

    orders: dict[str, Told] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)
    down: DownLog | None = None
    stamp_ms: int = 0
    grants: dict[str, Grant] = field(default_factory=dict)


class Oracle:
    """Sees everything, touches nothing."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.lobby = world, world.kernel, world.lobby
        self.codes: dict[str, Code] = {}
        self.shown: list[Shown] = []
        self.asked: dict[str, Asked] = {}
        self.memory = GatewayMemory()
        self.commands: dict[str, KnownGrant] = {}
        self.audited: set[str] = set()
        self.obeyed: set[str] = set()
        self.pulses: Counter[str] = Counter()
        self.movements = Movements(world)
        self.events: dict[tuple[str, int], bytes] = {}
        self.last_written: dict[str, int] = {}
        self._up_log, self._up_base = "", 0
        self._obeyed_now: list[KnownGrant] = []
        self.cold = ColdOracle(world)

    # --- what people show

    def given(self, text: str, code: Code) -> None:
        """The service gave this text to its owner."""
        self.codes[text] = code

    def presented(self, controller: str, text: str, *, typed: bool = False) -> None:
        """Somebody shows this at a locker now."""
        code = self.codes.get(text, Code(None))
        self.shown.append(Shown(self.kernel.ms, controller, text, code, typed))
        self.kernel.note("shown", controller, code.order_id, code.generation)

    def refused_as_late(self, controller: str, texts: Container[str], *, echo: int | None) -> None:
        """The gateway takes what came in this report for old: no locker refuses what its echo proves to be new."""
        here = [each for each in self.shown if each.controller == controller and each.text in texts]
        if not here:
            return
        shown_ms = min(each.at_ms for each in here)
        asked_ms = self.world.gateway.asked_ms.get((controller, echo))
        since_ms = self.world.controllers[controller].echoes_since_ms
        # In the same millisecond nobody knows which came first.
        if asked_ms is None and since_ms is not None and since_ms < shown_ms:
            raise Violation("refused as late", f"{controller} did not give back what it heard", controller)
        if asked_ms is not None and 2 * self.kernel.ms - asked_ms - shown_ms < CERTAINLY_NEW_MS:
            age_ms = self.kernel.ms - shown_ms
            raise Violation("refused as late", f"{controller} refuses what was shown {age_ms} ms ago", controller)

    # --- the gateway's commits

    def committed(self, node: "GatewayNode", records: Iterable[Record]) -> None:
        """A commit is durable: learn from it, and judge every grant in it."""
        for record in records:
            match record:
                case Put("grant", grant_id, body):
                    self._granted(grant_id, msgspec.json.decode(body, type=Grant))
                case Delete("grant", grant_id):
                    self.memory.grants.pop(grant_id, None)
                case Put("down_log", _, body):
                    self._joined(msgspec.json.decode(body, type=DownLog), node.disk)
                case Put("up_log", _, body):
                    self._begun(msgspec.json.decode(body, type=UpLog), node.disk)
                case Put("stamp", _, body):
                    self._stamped(msgspec.json.decode(body, type=Stamp).civil_ms)
                case AppendEvent():
                    self._wrote(record)
                case PruneEvents(through_seq, _):
                    self._pruned(through_seq)
                case PutMinutes():
                    self.cold.written(record)
                case _:
                    pass
        self._in_time()
        self._all_audited(node)
        self.cold.committed()

    def _in_time(self) -> None:
        """I5 from afar: the time stamped with a commit is what its grants were judged by."""
        for grant in self._obeyed_now:
            late_ms = self.memory.stamp_ms - self.asked[grant.remote_id or ""].not_after
            if late_ms > 0:
                raise Violation("I5", f"door {grant.door} is granted {late_ms} ms after its command ended", grant.door)
        self._obeyed_now.clear()

    def _stamped(self, civil_ms: int) -> None:
        if civil_ms < self.memory.stamp_ms:
            raise Violation("I16", f"civil time ran back by {self.memory.stamp_ms - civil_ms} ms")
        self.memory.stamp_ms = civil_ms

    def _begun(self, log: UpLog, disk: "GatewayDisk") -> None:
        """A log of another name begins, perhaps with events of the one before that nobody can be asked about."""
        if log.log_id == self._up_log:
            return
        self._up_log, self._up_base = log.log_id, log.base
        for seq in range(log.base + 1, log.seq + 1):
            self.events[log.log_id, seq - log.base] = disk.events[seq].body
        self.last_written[log.log_id] = log.seq - log.base

    def _wrote(self, record: AppendEvent) -> None:
        last, seq = self.last_written.get(self._up_log, 0), record.seq - self._up_base
        if seq != last + 1:
            raise Violation("I7", f"event {seq} follows {last} in the up log")
        self.last_written[self._up_log] = seq
        self.events[self._up_log, seq] = record.body
        if isinstance(record.event, UnlockGranted):
            self._audit(record.event)
        elif isinstance(record.event, ControllerWentSilent):
            self._silent(record.event.controller)
        elif isinstance(record.event, ParcelLoaded):
            self._loaded(record.event)
            self.cold.loaded(record.event.parcel_id, record.event.controller)
        elif isinstance(record.event, DoorWasOpened | DoorWasShut):
            self.movements.told(record.event)
        else:
            self.cold.told(record.event)

    def _loaded(self, event: ParcelLoaded) -> None:
        """I15: an interrupted load is asked again, never guessed; a door that still stands open is one."""
        opening, bag = self.lobby.open.get(event.door), self.lobby.bags[event.parcel_id]
        for_it = (
            opening is not None
            and not opening.late
            and opening.grant is not None
            and opening.grant.parcel_id == event.parcel_id
        )
        if for_it and not bag.excused and event.door not in self.world.stuck:
            raise Violation(
                "I15", f"{event.parcel_id} counts as loaded while its door stands open", event.parcel_id, event.door
            )

    def _silent(self, controller: str) -> None:
        """Whoever reported a moment ago is silent only by the death of that very boot, where anybody can know it."""
        heard = self.world.gateway.heard.get(controller)
        if heard is None or heard.doubt_ms is not None:
            return
        if self.kernel.ms - heard.at_ms >= SILENT_MS or not self.world.gateway.one_at_a_time:
            return
        boots = self.world.controllers[controller].boots
        if heard.death is not None and boots[heard.death] < boots.get(heard.boot_id, 0):
            raise Violation("I14", f"a stale death of {controller} is believed", controller)

    def _audit(self, granted: UnlockGranted) -> None:
        if granted.command_id is not None and granted.command_id in self.obeyed:
            raise Violation("I6", "one command from afar is obeyed twice", granted.command_id, *granted.doors)
        if granted.command_id is not None:
            self.obeyed.add(granted.command_id)
        if not granted.actor:
            raise Violation("I3", "an audit row names nobody", granted.grant_id)
        self.audited.add(granted.grant_id)
        for known in self.commands.values():
            if known.grant_id == granted.grant_id:
                known.generation, known.remote_id = granted.generation, granted.command_id
                if known.via is Via.REMOTE:
                    self._obeyed_now.append(known)
                self._judge(known)

    def _all_audited(self, node: "GatewayNode") -> None:
        if len(node.disk.audit) != node.audited_before + len(self.audited):
            raise Violation("I12", f"{len(node.disk.audit)} audit rows, {len(self.audited)} grants")

    def _pruned(self, through_seq: int) -> None:
        had = self.world.auditor.applied_through.get(self._up_log, 0) + self._up_base
        if through_seq > had and not self.world.disturbed:
            raise Violation("I17", "events are forgotten that the service never had")

    def _joined(self, log: DownLog, disk: "GatewayDisk") -> None:
        """The down log was applied so far: what every entry says is known at the site from now on."""
        before = self.memory.down
        first = before.seq + 1 if before is not None and before.log_id == log.log_id else 1
        for seq in range(first, log.seq + 1):
            body = self.world.auditor.entries.get((log.log_id, seq))
            if body is None:
                raise Violation("I7", f"entry {seq} was applied and never sent", seq)
            entry = decode(body, Entry)
            self._told(entry)
            self.cold.entry_applied(entry)
            if isinstance(entry, IssueCredential) and not _knows(disk, entry.credential):
                raise Violation("I7", f"entry {seq} of the down log was passed over", entry.credential.order_id)
        self.memory.down = log

    def _told(self, entry: Entry) -> None:
        match entry:
            case SiteSnapshot():
                for credential in entry.credentials:
                    self._issued(credential)
            case IssueCredential(credential):
                self._issued(credential)
            case RevokeCredential(order_id, generation):
                told = self._order(order_id)
                told.revoked_through = max(told.revoked_through, generation)
            case CancelOrder(order_id):
                self._order(order_id).cancelled = True
            case PlanOrder(order_id):
                told = self._order(order_id)
                if told.cancelled:
                    told.revoked_through, told.cancelled = max(told.revoked_through, told.generation), False
            case SetDoorCondition(door, "broken"):
                self.memory.broken.add(door)
            case SetDoorCondition(door, _):
                self.memory.broken.discard(door)
            case _:
                pass

    def _issued(self, credential: CredentialManifest) -> None:
        told = self._order(credential.order_id)
        told.generation = max(told.generation, credential.generation)

    def _order(self, order_id: str) -> Told:
        return self.memory.orders.setdefault(order_id, Told())

    # --- grants

    def _granted(self, grant_id: str, grant: Grant) -> None:
        fresh = grant_id not in self.memory.grants
        self.memory.grants[grant_id] = grant
        if not fresh:
            return
        for door in grant.doors:
            if door.command_id in self.commands:
                raise Violation("I6", "a command id is given twice", door.command_id, door.door)
            self.commands[door.command_id] = KnownGrant(
                door.command_id,
                grant_id,
                grant.right,
                grant.via,
                grant.actor,
                grant.controller,
                grant.order_id,
                door.parcel_id,
                door.door,
                self.kernel.ms,
            )
            self.kernel.note("granted", grant.right.value, grant.order_id, door.door, door.command_id, door.parcel_id)

    def _judge(self, grant: KnownGrant) -> None:
        if grant.right in {Right.COLLECT, Right.REOPEN}:
            self._judge_code(grant)
            self._judge_running(grant)
            self._judge_collected(grant)
        if grant.right in TO_OWNERS:
            self.cold.judge(grant)
        if grant.right is Right.LOAD:
            self._judge_load(grant)

    def _judge_code(self, grant: KnownGrant) -> None:
        """I4, I16: a code that was really given, is the newest, and was not ended, was shown here a moment ago."""
        reasons = set[str]()
        for shown in reversed(self.shown):
            if shown.controller == grant.asked_at and shown.typed == (grant.via is Via.KEYPAD):
                why = self._why_bad(shown, grant)
                if why is None:
                    return
                reasons.add(why)
        why = ", ".join(sorted(reasons)) or "nothing was shown there"
        raise Violation("I4", f"granted without a good code: {why}", grant.order_id, grant.door)

    def _why_bad(self, shown: Shown, grant: KnownGrant) -> str | None:
        code = shown.code
        if code.order_id != grant.order_id or code.generation != grant.generation:
            return "not this order's code" if code.order_id else "forged or mistyped"
        told = self._order(code.order_id or "")
        ended = code.generation < told.generation or code.generation <= told.revoked_through or told.cancelled
        if ended and not self.world.disturbed:
            return "superseded, revoked or cancelled"
        expired = code.expires_at + SKEW_S * 1000 < self.memory.stamp_ms
        told.generation = told.generation if ended else max(told.generation, code.generation)
        return "expired" if expired else None

    def _judge_running(self, grant: KnownGrant) -> None:
        """One outstanding grant an order: the doors of two would be opened twice for one wish."""
        for other in self.memory.grants.values():
            if other.grant_id == grant.grant_id or other.order_id != grant.order_id or other.right not in TO_OWNERS:
                continue
            if any(each.phase == "pending" for each in other.doors):
                raise Violation("I4", "two outstanding grants of one order", grant.order_id, grant.door)

    def _judge_load(self, grant: KnownGrant) -> None:
        self._judge_door(grant)
        for other in self.memory.grants.values():
            if other.grant_id == grant.grant_id or other.right is not Right.LOAD:
                continue
            for each in other.doors:
                if each.phase in WORKING and (each.door == grant.door or each.parcel_id == grant.parcel_id):
                    about = (grant.door, grant.parcel_id, each.parcel_id)
                    raise Violation("I15", f"two loads at door {grant.door} or of {grant.parcel_id}", *about)

    def _judge_door(self, grant: KnownGrant) -> None:
        """I2: nothing lies there that anybody could know of, it was wiped, and it is not broken."""
        for bag in self.lobby.behind(grant.door):
            if bag.parcel_id != grant.parcel_id and bag.evident:
                raise Violation(
                    "I2", f"loaded behind door {grant.door}, where {bag.parcel_id} lies", grant.door, bag.parcel_id
                )
        emptied = self.lobby.to_wipe.get(grant.door)
        if emptied is not None and emptied.known and not emptied.late and not self.world.disturbed:
            raise Violation("I2", f"door {grant.door} was emptied and nobody wiped it", grant.door, grant.parcel_id)
        if grant.door in self.memory.broken:
            raise Violation("I2", f"door {grant.door} is broken", grant.door, grant.parcel_id)

    # --- unlocks and pulses

    def unlock_leaves(self, message: Publish) -> None:
        """I3: the row that says who and why is durable before the unlock leaves."""
        unlock: Unlock = decode(message.payload, Unlock)
        known = self.commands.get(unlock.command_id)
        if known is None or known.grant_id not in self.audited or known.door != unlock.door:
            raise Violation(
                "I3", f"an unlock of door {unlock.door} leaves without a record", unlock.door, unlock.order_id
            )

    def pulsed(self, controller: "ControllerNode", door: int, command_id: str) -> KnownGrant:
        """A lock is energised: I3, I5, I6, and nothing spent or refunded."""
        grant = self.commands.get(command_id)
        self.kernel.note("pulse", controller.name, door, command_id, grant.order_id if grant else None)
        if grant is None or grant.grant_id not in self.audited or grant.door != door:
            raise Violation("I3", f"door {door} is pulsed without a record", door, command_id)
        self.pulses[command_id] += 1
        about = (door, command_id, grant.order_id)
        if self.pulses[command_id] > 1:
            raise Violation("I6", f"one command pulsed door {door} twice", *about)
        kept = any(getattr(line, "command_id", None) == command_id for line in controller.disk.lines)
        if not kept:
            raise Violation("I6", f"door {door} is pulsed before its command is kept", *about)
        if self.kernel.ms - grant.at_ms > PULSE_MS:
            raise Violation("I5", f"door {door} is pulsed {self.kernel.ms - grant.at_ms} ms after its grant", *about)
        if grant.via is not Via.REMOTE:
            self._judge_age(grant)
        self._judge_spent(grant)
        return grant

    def _judge_age(self, grant: KnownGrant) -> None:
        age_ms = self.kernel.ms - self._cause_ms(grant)
        if age_ms > GHOST_MS:
            about = (grant.door, grant.command_id, grant.order_id)
            raise Violation("I5", f"door {grant.door} opens {age_ms} ms after what caused it", *about)

    def _cause_ms(self, grant: KnownGrant) -> int:
        typed = grant.via is Via.KEYPAD
        for shown in reversed(self.shown):
            named = shown.code.order_id == grant.order_id or grant.right not in TO_OWNERS
            if shown.controller == grant.asked_at and shown.typed == typed and named:
                return shown.at_ms
        raise Violation("I5", f"nobody asked for door {grant.door}", grant.door, grant.order_id)

    def _judge_spent(self, grant: KnownGrant) -> None:
        refunded_ms = self.world.auditor.refunded_ms.get(grant.order_id or "")
        if grant.right in TO_OWNERS and refunded_ms is not None and grant.at_ms > refunded_ms:
            raise Violation("I9", "handed out after its money went back", grant.order_id, grant.door)

    def _judge_collected(self, grant: KnownGrant) -> None:
        """I4: what was taken from behind a door that was then shut is spent, wherever its code is shown next."""
        bag = self.lobby.bags.get(grant.parcel_id or "")
        if grant.right is not Right.COLLECT or bag is None or bag.excused or bag.place != OWNER or bag.taken is None:
            return
        taken = bag.taken
        over = taken.shut_ms is not None and taken.known and not taken.late and taken.shut_ms + SETTLES_MS < grant.at_ms
        if over and not self.world.disturbed:
            raise Violation("I4", f"{bag.parcel_id} was collected already", grant.order_id, grant.door, bag.parcel_id)

    def was_cancelled(self, order_id: str) -> bool:
        """The site was told that this order is withdrawn, and nothing since."""
        return self._order(order_id).cancelled

    # --- what breaks evidence

    def gateway_lost_its_disk(self) -> None:
        """A new store knows nothing; nobody is judged by what the old one knew."""
        self.memory = GatewayMemory()
        self.cold.gateway_lost_its_disk()

    def unattended(self, opening: Opening) -> None:
        """A door stood open and nobody who was meant came: the record will say more than happened."""
        for bag in self.lobby.behind(opening.door):
            bag.excuse("unattended")
        grant = opening.grant
        if grant is None:
            return
        for bag in self.lobby.bags.values():
            if bag.parcel_id == grant.parcel_id or (bag.order_id == grant.order_id and bag.place == VAN):
                bag.excuse("unattended")
        self.lobby.to_wipe.pop(opening.door, None)


def _knows(disk: "GatewayDisk", credential: CredentialManifest) -> bool:
    """True when the gateway's store holds this generation of the order's code, or a higher one."""
    row = disk.rows.get(("code", credential.order_id))
    return row is not None and msgspec.json.decode(row, type=KeptCode).generation >= credential.generation
