"""The gateway and the simulated locker as they are started, on one real broker: a parcel is loaded and collected."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.demo.brokers import Broker
from locker_protocol.label import Label, write_label
from locker_protocol.site_entries import (
    CredentialManifest,
    DoorSpec,
    IssueCredential,
    PlanOrder,
    ServiceKey,
    SiteSnapshot,
)
from locker_protocol.site_events import (
    AccessRefused,
    DoorConditionChanged,
    DoorStayedShut,
    DoorTroubleFound,
    DoorWasOpened,
    DoorWasShut,
    LoadUnsure,
    ParcelCollected,
    ParcelLoaded,
)
from locker_protocol.telemetry import MinutesKept
from locker_protocol.typed_code import hash_secret
from locker_protocol.uplink_messages import CommandAnswered, EntriesApplied, LoadParcel, OpenDoors, OpenForOwner
from locker_protocol.vocabulary import DoorCondition, DoorTrouble, Refusal, Right, SizeClass, Zone
from tests.firmware.conftest import small_locker
from tests.firmware.simulator import Simulator, running_simulator
from tests.link.gateway_rig import SERVICE_KEY, SITE_NO, Service, running_gateway, until
from tests.link.test_gateway_on_brokers import DAY_MS, NOW_MS, code, parcel

LABEL = write_label(Label(SITE_NO, 1, "ABCD2345"))
SALT = bytes(16)
CROSSED = """
[[fault]]
locker = "T1"
door = 1
name = "contact_miswired"
amount = 2

[[fault]]
locker = "T1"
door = 2
name = "contact_miswired"
amount = 1
"""


@pytest.fixture
def service(broker: Broker, tmp_path: Path) -> Iterator[Service]:
    service = Service(broker.url("service"))
    with running_gateway(broker.url("osmanthus"), tmp_path / "gateway"):
        doors = [DoorSpec(door, "T1", Zone.CHILLED, SizeClass.L, 27_000, 450, 105) for door in (1, 2)]
        key = ServiceKey(1, SERVICE_KEY.public_key().public_bytes_raw().hex())
        packed = msgspec.structs.replace(parcel(1), ref="ABCD2345", doors=[2, 1])
        secret_hash = hash_secret("482193", SALT).hex()
        credential = CredentialManifest("o1", 7, 1, (1).to_bytes(8).hex(), NOW_MS + DAY_MS, secret_hash, SALT.hex())
        service.tell(
            SiteSnapshot(SITE_NO, doors, [key], [], [], []),
            PlanOrder("o1", [packed]),
            IssueCredential(credential),
            log_id=f"down-{tmp_path.name[-20:]}",
        )
        until(lambda: service.heard(EntriesApplied), what="the plan is applied")
        yield service
    service.close()


@pytest.fixture
def locker(broker: Broker, tmp_path: Path, service: Service) -> Iterator[Simulator]:
    lockers = tmp_path / "lockers.json"
    lockers.write_bytes(msgspec.json.encode([small_locker()]))
    with running_simulator(broker.url("controllers"), lockers, tmp_path / "memory") as simulator:
        simulator.until(lambda state: bool(state["linked"]))
        until(lambda: bool(service.heard(MinutesKept)), what="the gateway knows how cold the locker is")
        yield simulator


def test_a_parcel_is_loaded_by_phone_and_collected_by_code(service: Service, locker: Simulator) -> None:
    load(service, locker)
    locker.do("scan", text=code(1))
    until_open(service, locker, times=2)
    locker.do("doors/2", action="shut")
    until(lambda: service.told(ParcelCollected), what="it is collected")
    assert service.told(ParcelCollected) == [ParcelCollected("p1", "o1", "T1", 2)]


def test_a_typed_code_opens_the_same_door(service: Service, locker: Simulator) -> None:
    load(service, locker)
    locker.do("keys", digits="07 482 193")
    locker.until(lambda state: door(state, 2) == "open")


def test_a_forged_code_is_refused_and_the_door_stays_shut(service: Service, locker: Simulator) -> None:
    load(service, locker)
    locker.do("scan", text=code(1)[:-1] + "0")
    until(lambda: service.told(AccessRefused), what="the refusal")
    assert service.told(AccessRefused)[0].refusal is Refusal.FORGED
    assert door(locker.state(), 2) == "shut"


def test_a_power_cut_while_the_door_stands_open_loses_no_parcel(service: Service, locker: Simulator) -> None:
    load(service, locker)
    locker.do("scan", text=code(1))
    until_open(service, locker, times=2)
    locker.do("power", on=False)
    locker.do("doors/2", action="shut")
    locker.do("power", on=True)
    until(lambda: service.told(ParcelCollected), what="it is collected")


def test_a_power_cut_while_a_parcel_is_put_in_leaves_a_doubt_and_the_label_opens_the_same_door(
    service: Service, locker: Simulator
) -> None:
    service.send(LoadParcel("c1", LABEL, "lin", NOW_MS + DAY_MS))
    until_open(service, locker, times=1)
    locker.do("doors/2", action="put")
    locker.do("power", on=False)
    locker.do("doors/2", action="shut")
    locker.do("power", on=True)
    until(lambda: service.told(LoadUnsure), what="the doubt")
    assert service.told(ParcelLoaded) == []
    locker.until(lambda state: bool(state["linked"]))
    service.send(LoadParcel("c2", LABEL, "lin", NOW_MS + DAY_MS))
    until(lambda: CommandAnswered("c2", doors=[2]) in service.heard(CommandAnswered), what="the same door opens")
    until_open(service, locker, times=2)
    locker.do("doors/2", action="shut")
    until(lambda: service.told(ParcelLoaded), what="it is loaded")


def test_a_door_whose_contact_is_wired_to_another_loads_nothing_and_puts_both_in_the_hands_of_staff(
    service: Service, broker: Broker, tmp_path: Path
) -> None:
    lockers = tmp_path / "lockers.json"
    lockers.write_bytes(msgspec.json.encode([small_locker()]))
    faults = tmp_path / "faults.toml"
    faults.write_text(CROSSED, encoding="utf-8")
    memory = tmp_path / "memory"
    with running_simulator(broker.url("controllers"), lockers, memory, SIM_FAULTS=str(faults)) as locker:
        locker.until(lambda state: bool(state["linked"]))
        until(lambda: bool(service.heard(MinutesKept)), what="the gateway knows how cold the locker is")
        service.send(LoadParcel("c1", LABEL, "lin", NOW_MS + DAY_MS))
        locker.until(lambda state: door(state, 2) == "open")
        until(lambda: miswired(service) == {(1, 2), (2, 1)}, what="both are told")
        locker.do("doors/2", action="put")
        locker.do("doors/2", action="shut")
        until(lambda: service.told(DoorWasShut), what="the shutting is told")
        service.send(LoadParcel("c2", LABEL, "lin", NOW_MS + DAY_MS))
        until(lambda: len(service.heard(CommandAnswered)) == 2, what="the answer")
    assert service.told(ParcelLoaded) == []
    broken = {each.door for each in service.told(DoorConditionChanged) if each.condition is DoorCondition.BROKEN}
    assert broken == {1, 2}


def miswired(service: Service) -> set[tuple[int, int | None]]:
    found = service.told(DoorTroubleFound)
    return {(each.door, each.other_door) for each in found if each.trouble is DoorTrouble.MISWIRED}


def test_a_code_shown_on_a_page_opens_the_real_door_and_a_jammed_one_after_a_second_pulse(
    service: Service, locker: Simulator
) -> None:
    load(service, locker)
    shown = (1).to_bytes(8).hex()
    locker.do("doors/2", action="jam")
    service.send(OpenForOwner("c2", "o1", shown, 1, NOW_MS + DAY_MS))
    until(lambda: service.told(DoorStayedShut), what="it stayed shut")
    locker.do("doors/2", action="unjam")
    service.send(OpenForOwner("c3", "o1", shown, 1, NOW_MS + DAY_MS))
    until_open(service, locker, times=2)
    locker.do("doors/2", action="take")
    locker.do("doors/2", action="shut")
    until(lambda: service.told(ParcelCollected), what="it is collected")
    assert [each.doors for each in service.heard(CommandAnswered)] == [[2]] * 3


def test_an_emptied_door_is_checked_and_free_again(service: Service, locker: Simulator) -> None:
    load(service, locker)
    locker.do("scan", text=code(1))
    until_open(service, locker, times=2)
    locker.do("doors/2", action="shut")
    until(lambda: service.told(DoorConditionChanged), what="it is to check")
    service.send(OpenDoors("c2", [2], Right.CHECK, "staff-3", "wipe", NOW_MS + DAY_MS))
    until_open(service, locker, times=3)
    locker.until(lambda state: door(state, 2) == "open")
    locker.do("doors/2", action="shut")
    until(lambda: len(service.told(DoorConditionChanged)) == 2, what="it is free")
    assert [event.condition for event in service.told(DoorConditionChanged)] == [
        DoorCondition.TO_CHECK,
        DoorCondition.FREE,
    ]


def load(service: Service, locker: Simulator) -> None:
    service.send(LoadParcel("c1", LABEL, "lin", NOW_MS + DAY_MS))
    until(lambda: service.heard(CommandAnswered), what="the answer")
    assert service.heard(CommandAnswered) == [CommandAnswered("c1", doors=[2])]
    until_open(service, locker, times=1)
    locker.do("doors/2", action="put")
    locker.do("doors/2", action="shut")
    until(lambda: service.told(ParcelLoaded), what="it is loaded")


def until_open(service: Service, locker: Simulator, *, times: int) -> None:
    """No hand is faster than the contact's 50 ms debounce: wait until the opening was seen."""
    locker.until(lambda state: door(state, 2) == "open")
    until(lambda: len(service.told(DoorWasOpened)) == times, what="the opening is told")


def door(state: dict[str, object], number: int) -> str:
    doors = state["doors"]
    assert isinstance(doors, list)
    return next(str(each["state"]) for each in doors if each["door"] == number)
