"""What the page and tests see of a locker, as JSON-ready structs. It decides nothing and changes nothing."""

import msgspec

from firmware_sim.device import LockerDevice
from firmware_sim.faults import Fault
from locker_protocol.bus_messages import Show
from locker_protocol.vocabulary import Zone

# Lit while somebody is meant to find the door.
LIT_SCREENS = frozenset({"opening", "reopened", "load", "visit", "check", "remove", "left_open"})
SHOWN_FOR_MS = 30_000
# A healthy lock has sprung open long before, though an order's doors are pulsed one after the other.
STUCK_AFTER_MS = 3_000
OPENS = frozenset({"opening", "reopened"})


class DoorView(msgspec.Struct, frozen=True):
    """A door as one sees it; `contact` is what its sensor says to the controller."""

    door: int
    state: str
    contact: str
    bags: int
    lit: bool
    jammed: bool


class ZoneView(msgspec.Struct, frozen=True):
    """A zone's thermometer. `None`: without power it shows nothing."""

    zone: Zone
    air_c: float | None
    product_c: float | None
    target_c: float | None
    ambient_c: float
    compressor_on: bool
    defrosting: bool


class StateView(msgspec.Struct, frozen=True):
    """A whole locker now. `shown` grows with every message the gateway had displayed.

    What follows `show` the controller knows by itself, as every real one does: `stuck` are doors it was told are
    opening and whose contacts have not said so; and how long typing is still refused.
    """

    locker_id: str
    power: bool
    network: bool
    linked: bool
    lock_supply: bool
    boot_id: str | None
    event_no: int
    queued: int
    digits: str
    shown: int
    show: Show | None
    stuck: list[int]
    wait_left_ms: int
    doors: list[DoorView]
    zones: list[ZoneView]
    pulses: int
    scans: int
    rejected: int
    scan_to_unlock_ms: int | None
    faults: list[Fault]
    energy_wh: int


def state_of(device: LockerDevice, monotonic_ms: int) -> StateView:
    """Everything there is to see of one locker."""
    controller = device.controller
    show = _current_show(device, monotonic_ms)
    return StateView(
        locker_id=device.plan.locker_id,
        power=controller is not None,
        network=not device.board.on("network_cut"),
        linked=controller is not None and controller.connected,
        lock_supply=not device.board.on("locks_dead"),
        boot_id=controller.boot_id if controller else None,
        event_no=controller.memory.last_event_no if controller else 0,
        queued=len(controller.memory.events) if controller else 0,
        digits=controller.keypad.digits if controller else "",
        shown=device.screen.number,
        show=show,
        stuck=_stuck(device, show, monotonic_ms),
        wait_left_ms=max(0, device.screen.typing_from_ms - monotonic_ms),
        doors=_doors(device, show),
        zones=[_zone(device, zone) for zone in device.fridges],
        pulses=device.figures.pulses,
        scans=device.figures.scans,
        rejected=device.figures.rejected,
        scan_to_unlock_ms=device.figures.scan_to_unlock_ms,
        faults=list(device.board),
        energy_wh=device.energy_wh(),
    )


def _current_show(device: LockerDevice, monotonic_ms: int) -> Show | None:
    fresh = monotonic_ms - device.screen.at_ms < SHOWN_FOR_MS
    return device.screen.show if fresh and device.controller else None


def _stuck(device: LockerDevice, show: Show | None, monotonic_ms: int) -> list[int]:
    if show is None or show.screen not in OPENS or monotonic_ms - device.screen.at_ms < STUCK_AFTER_MS:
        return []
    return [door for door in show.doors if door in device.cabinet.doors and door not in device.screen.opened]


def _doors(device: LockerDevice, show: Show | None) -> list[DoorView]:
    meant = set(show.doors) if show is not None and show.screen in LIT_SCREENS else set()
    sensed = device.controller.sensors.is_open if device.controller else {}
    return [
        DoorView(
            door=door.number,
            state=door.looks(),
            contact={True: "open", False: "shut"}.get(sensed.get(door.number, False), "") if sensed else "unknown",
            bags=door.bags,
            lit=bool(sensed) and (door.number in meant or door.position != "shut"),
            jammed=door.jammed,
        )
        for door in device.cabinet.doors.values()
    ]


def _zone(device: LockerDevice, zone: Zone) -> ZoneView:
    fridge = device.fridges[zone]
    readings = {reading.zone: reading for reading in device.controller.zones} if device.controller else {}
    reading = readings.get(zone)
    return ZoneView(
        zone=zone,
        air_c=reading.air_c if reading else None,
        product_c=reading.product_c if reading else None,
        target_c=fridge.machine.target_c if fridge.machine else None,
        ambient_c=round(device.outside_c(zone), 1),
        compressor_on=fridge.compressor_on,
        defrosting=fridge.defrosting,
    )
