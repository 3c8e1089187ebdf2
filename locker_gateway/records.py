"""What the gateway keeps over a power loss: one frozen struct a row, one table a kind, JSON in the store.

Three sorts: what the service told (replaced by a snapshot), what the gateway found out by itself (never forgotten by
a snapshot), and how far each numbered log has come.
"""

from typing import Generic, Literal, TypeVar

import msgspec

from locker_protocol.uplink_messages import EntryResult
from locker_protocol.vocabulary import DoorCondition, DoorTrouble, Refusal, Right, Via

PlacementState = Literal["loaded", "opened", "collected", "removed"]
# A door that is not wanted any more for the parcel it was granted for is `recalled` while its lock may still move, and
# `given_up` from then on: shutting it loads nothing.
DoorPhase = Literal["pending", "opened", "shut", "lapsed", "recalled", "given_up"]

Row = TypeVar("Row", bound=msgspec.Struct)


class Table(Generic[Row]):
    """One kind of rows in memory. Only `Turn.put` and `Turn.delete` change it, so memory and store cannot differ."""

    def __init__(self, kind: str, shape: type[Row]) -> None:
        self.kind = kind
        self.shape = shape
        self.rows: dict[str, Row] = {}

    def load(self, key: str, body: bytes) -> None:
        """Take one row back from the store."""
        self.rows[key] = msgspec.json.decode(body, type=self.shape)


class Code(msgspec.Struct, frozen=True):
    """What the gateway knows of an order's codes by itself; `ids` are all credential ids seen, the newest last."""

    order_id: str
    generation: int = 0
    revoked_through: int = -1
    cancelled: bool = False
    wrong_tries: int = 0
    ids: tuple[str, ...] = ()


class Placement(msgspec.Struct, frozen=True):
    """Where a parcel physically lies, or lay; `changed_at` is civil milliseconds of its last change.

    `actor` is who loaded it, where that was seen here.
    """

    parcel_id: str
    order_id: str
    controller: str
    door: int
    state: PlacementState
    changed_at: int
    actor: str | None = None

    @property
    def lies(self) -> bool:
        """True while the parcel is behind its door, by the record."""
        return self.state in {"loaded", "opened"}


class Condition(msgspec.Struct, frozen=True):
    """A door's condition, where anything was ever found out or told of it.

    `checked_at`: when staff last looked behind it, in civil milliseconds.
    """

    door: int
    condition: DoorCondition
    checked_at: int = 0


class Trouble(msgspec.Struct, frozen=True):
    """What is wrong with a door; `other_door` is the one its wires take it for."""

    door: int
    trouble: DoorTrouble
    other_door: int | None = None


class Doubt(msgspec.Struct, frozen=True):
    """A parcel that may lie behind this door: it was opened for it and nobody saw it shut."""

    parcel_id: str
    order_id: str
    door: int


class Cancellation(msgspec.Struct, frozen=True):
    """An order's cancellation that the service was not told to hold yet: one of its doors was moving."""

    order_id: str


class GrantDoor(msgspec.Struct, frozen=True):
    """One door of a grant and the unlock that was sent for it, with the boot and beat it echoes."""

    door: int
    controller: str
    command_id: str
    boot_id: str
    beat: int
    phase: DoorPhase = "pending"
    parcel_id: str | None = None


class Grant(msgspec.Struct, frozen=True):
    """A decision to open doors, written before any of them moves."""

    grant_id: str
    controller: str
    right: Right
    via: Via
    actor: str
    at: int
    doors: tuple[GrantDoor, ...]
    order_id: str | None = None


class Position(msgspec.Struct, frozen=True):
    """How far a controller's events were applied, and the memory (`store_id`) that counts them."""

    store_id: str
    event_no: int


class Answer(msgspec.Struct, frozen=True):
    """What a command from afar was answered; a repeat gets the same."""

    at: int
    doors: tuple[int, ...] = ()
    refusal: Refusal | None = None


class DownLog(msgspec.Struct, frozen=True):
    """How far the service's log was applied, and the last entries consumed without effect.

    `store_was_new` when it began: only then does the service know better where parcels lie.
    """

    log_id: str
    seq: int
    refused: tuple[EntryResult, ...] = ()
    store_was_new: bool = False


class UpLog(msgspec.Struct, frozen=True):
    """The gateway's own log: its name and the last number in the store. On the wire its numbers begin after `base`."""

    log_id: str
    seq: int
    base: int = 0


class Mark(msgspec.Struct, frozen=True):
    """How far the service has committed the up log. May lag: sending again is harmless."""

    seq: int


class Stamp(msgspec.Struct, frozen=True):
    """Civil time never runs behind this, whatever the machine's clock says after a power loss."""

    civil_ms: int


class LeftLog(msgspec.Struct, frozen=True):
    """A down log that was replaced; an old snapshot played again must not bring it back."""

    left_at: int
