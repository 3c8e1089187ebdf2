"""The vocabulary of faults, and what each does to a running device."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import get_args

import pytest

from firmware_sim.device import LockerDevice
from firmware_sim.fault_board import FaultBoard, seeded_bytes
from firmware_sim.faults import KINDS, Fault, FaultError, FaultName, complete, spot_of
from firmware_sim.hands import SetZone, UseDoor
from firmware_sim.hardware import HandRefusedError
from firmware_sim.signals import Received
from locker_protocol.bus_messages import CodeScanned, DoorOpened, DoorShut, KeysEntered, Unlock, UnlockDone
from locker_protocol.vocabulary import Zone

WithDevice = Callable[[Callable[[LockerDevice], Coroutine[None, None, None]]], None]


def events(device: LockerDevice) -> list[object]:
    assert device.controller is not None
    return [kept.event for kept in device.controller.memory.events]


def unlock(device: LockerDevice, door: int, command_id: str = "c1") -> None:
    controller = device.controller
    assert controller is not None
    device.feed(Received(Unlock(command_id, door, controller.boot_id, controller.beat(device.now()))))


async def until(device: LockerDevice, found: Callable[[], object]) -> None:
    """Wait for something about a locker to be so, and fail when it never is."""
    changed = asyncio.Event()
    forget = device.watch(changed.set)
    async with asyncio.timeout(10):
        while not found():
            await changed.wait()
            changed.clear()
    forget()


def store_of(device: LockerDevice) -> str:
    assert device.controller is not None
    return device.controller.memory.store_id


def look_of(device: LockerDevice) -> str:
    return repr((device.cabinet.doors, list(device.board), device.controller and device.controller.memory))


# --- the vocabulary ---------------------------------------------------------------------------------------------------


def test_what_is_usual_is_filled_in() -> None:
    assert complete(Fault("contact_bounces", door=2)) == Fault("contact_bounces", door=2, amount=400, one_in=1)
    assert complete(Fault("latch_sticks", door=2)).one_in == 3
    assert complete(Fault("network_cut")) == Fault("network_cut")


@pytest.mark.parametrize(
    ("fault", "code", "field"),
    [
        (Fault("jams_shut"), "fault_place", "door"),
        (Fault("network_cut", door=1), "fault_place", "door"),
        (Fault("probe_stuck", zone=Zone.CHILLED), "fault_place", "probe"),
        (Fault("probes_swapped", zone=Zone.CHILLED, probe="air"), "fault_place", "probe"),
        (Fault("jams_open", door=1, amount=3), "fault_no_amount", "amount"),
        (Fault("contact_miswired", door=1), "fault_amount_needed", "amount"),
        (Fault("contact_miswired", door=1, amount=2.5), "fault_amount", "amount"),
        (Fault("network_slow", amount=-1), "fault_amount", "amount"),
        (Fault("network_slow", amount=float("nan")), "fault_amount", "amount"),
        (Fault("network_cut", one_in=5), "fault_no_chance", "one_in"),
        (Fault("network_lossy", one_in=0), "fault_chance", "one_in"),
    ],
)
def test_a_fault_that_cannot_be_says_why(fault: Fault, code: str, field: str) -> None:
    with pytest.raises(FaultError, match=code) as refused:
        complete(fault)
    assert refused.value.field == field


def test_one_in_four_strikes_about_one_time_in_four_and_the_same_times_for_the_same_seed() -> None:
    def struck(seed: str) -> list[bool]:
        board = FaultBoard(seeded_bytes(seed))
        board.put(complete(Fault("network_lossy", one_in=4)))
        return [board.strikes("network_lossy") is not None for _ in range(400)]

    assert struck("a") == struck("a")
    assert struck("a") != struck("b")
    assert 70 < sum(struck("a")) < 130


def test_every_fault_can_be_switched_on_and_off_and_leaves_nothing_behind(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        before = repr(device.cabinet.doors)
        for name in get_args(FaultName):
            fault = anywhere(name)
            device.switches.switch(fault)
            if KINDS[fault.name].moment:
                continue
            assert spot_of(fault) in [spot_of(on) for on in device.board]
            device.switches.switch(fault, on=False)
            assert [on.name for on in device.board] == ["network_cut"] * (name != "network_cut")
            device.switches.switch(Fault("network_cut"))
        device.apply(UseDoor(2, "shut"))
        assert repr(device.cabinet.doors) == before

    with_device(scenario)


def anywhere(name: FaultName) -> Fault:
    """The fault at a place that is possible for it."""
    place = KINDS[name].place
    return Fault(
        name,
        door=2 if place == "door" else None,
        zone=Zone.CHILLED if place in {"probe", "zone"} else None,
        probe="air" if place == "probe" else None,
        amount=3 if name == "contact_miswired" else None,
    )


@pytest.mark.parametrize(
    "impossible",
    [
        Fault("jams_shut", door=99),
        Fault("contact_miswired", door=1, amount=99),
        Fault("probe_stuck", zone=Zone.FROZEN, probe="air"),
        Fault("jams_shut"),
        Fault("key_stuck", amount=10),
        Fault("compressor_dead", zone=Zone.AMBIENT),
        Fault("compressor_dying", zone=Zone.AMBIENT),
        Fault("gasket_leaks", zone=Zone.FROZEN),
    ],
)
def test_what_this_locker_does_not_have_is_refused_and_nothing_changes(
    with_device: WithDevice, impossible: Fault
) -> None:
    async def scenario(device: LockerDevice) -> None:
        before = look_of(device)
        with pytest.raises((HandRefusedError, FaultError)):
            device.switches.switch(impossible)
        assert look_of(device) == before

    with_device(scenario)


def test_what_happens_in_a_moment_can_neither_last_nor_be_switched_off(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        before = look_of(device)
        with pytest.raises(FaultError, match="fault_moment"):
            device.switches.switch(Fault("watchdog_bites"), on=False)
        with pytest.raises(FaultError, match="fault_moment"):
            device.switches.switch(Fault("pried_open", door=1), for_s=5)
        assert look_of(device) == before

    with_device(scenario)


def test_a_fault_goes_by_itself_when_its_time_is_over(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("jams_shut", door=1), for_s=0.05)
        assert device.cabinet.doors[1].jammed
        await until(device, lambda: not device.cabinet.doors[1].jammed)

    with_device(scenario)


def test_a_hand_that_cannot_do_it_changes_nothing(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        before = look_of(device)
        for impossible in (SetZone(Zone.FROZEN, warm_by_c=1), UseDoor(99, "jam"), UseDoor(1, "shut")):
            with pytest.raises(HandRefusedError):
                device.apply(impossible)
        assert look_of(device) == before

    with_device(scenario)


# --- doors and locks --------------------------------------------------------------------------------------------------


def test_a_hand_that_jams_a_door_switches_the_same_fault(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.apply(UseDoor(1, "jam"))
        assert device.board.on("jams_shut", door=1)
        unlock(device, 1)
        assert device.cabinet.doors[1].looks() == "jammed"
        device.apply(UseDoor(1, "unjam"))
        assert not device.board.on("jams_shut", door=1)

    with_device(scenario)


def test_a_door_that_jams_open_cannot_be_shut_until_it_is_freed(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("jams_open", door=1))
        unlock(device, 1)
        with pytest.raises(HandRefusedError, match="stuck_open"):
            device.apply(UseDoor(1, "shut"))
        assert device.cabinet.contacts()[1]
        device.switches.switch(Fault("jams_open", door=1), on=False)
        device.apply(UseDoor(1, "shut"))
        assert not device.cabinet.contacts()[1]

    with_device(scenario)


def test_a_sticking_latch_holds_now_and_lets_go_at_another_pulse(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.board.seeded(seeded_bytes("now and then"))
        device.switches.switch(Fault("latch_sticks", door=1, one_in=2))
        held = list[bool]()
        for turn in range(20):
            device.feed(Received(Unlock(f"c{turn}", 1, device.controller.boot_id, 0)))  # type: ignore[union-attr]
            await until(device, lambda turn=turn: device.figures.pulses == turn + 1)  # type: ignore[misc]
            held.append(device.cabinet.doors[1].position == "shut")
            if not held[-1]:
                device.apply(UseDoor(1, "shut"))
        assert 2 < sum(held) < 18

    with_device(scenario)


def test_a_late_spring_opens_the_door_after_its_pulse(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("springs_late", door=1, amount=150))
        unlock(device, 1)
        assert events(device) == [UnlockDone("c1", 1, "pulsed")]
        assert device.cabinet.doors[1].position == "shut"
        await until(device, lambda: DoorOpened(1, "c1") in events(device))

    with_device(scenario)


@pytest.mark.parametrize(("name", "event"), [("contact_open", DoorOpened(1)), ("contact_shut", DoorShut(1))])
def test_a_broken_contact_says_one_thing_and_the_truth_when_it_is_mended(
    with_device: WithDevice, name: FaultName, event: object
) -> None:
    async def scenario(device: LockerDevice) -> None:
        if name == "contact_shut":
            device.switches.switch(Fault("pried_open", door=1))
            await until(device, lambda: DoorOpened(1) in events(device))
        device.switches.switch(Fault(name, door=1))
        await until(device, lambda: event in events(device))
        device.switches.switch(Fault(name, door=1), on=False)
        await until(device, lambda: len(events(device)) == 2 + (name == "contact_shut"))
        assert events(device)[-1] == (DoorShut(1) if name == "contact_open" else DoorOpened(1))

    with_device(scenario)


def test_a_long_bouncing_contact_is_still_one_opening_and_one_shutting(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("contact_bounces", door=1, amount=300))
        device.switches.switch(Fault("pried_open", door=1))
        await until(device, lambda: DoorOpened(1) in events(device))
        device.apply(UseDoor(1, "shut"))
        await until(device, lambda: DoorShut(1) in events(device))
        assert events(device) == [DoorOpened(1), DoorShut(1)]

    with_device(scenario)


def test_a_door_wired_to_its_neighbour_reports_as_its_neighbour(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("contact_miswired", door=1, amount=2))
        device.switches.switch(Fault("contact_miswired", door=2, amount=1))
        unlock(device, 1)
        await until(device, lambda: len(events(device)) == 2)
        assert events(device) == [UnlockDone("c1", 1, "pulsed"), DoorOpened(2, None)]

    with_device(scenario)


def test_a_door_that_does_not_latch_rests_ajar_and_is_told_as_open(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("left_ajar", door=1))
        unlock(device, 1)
        await until(device, lambda: DoorOpened(1, "c1") in events(device))
        device.apply(UseDoor(1, "shut"))
        assert device.cabinet.doors[1].looks() == "ajar"
        assert device.cabinet.contacts()[1]
        device.switches.switch(Fault("left_ajar", door=1), on=False)
        device.apply(UseDoor(1, "shut"))
        await until(device, lambda: DoorShut(1) in events(device))

    with_device(scenario)


def test_without_lock_supply_nothing_is_pulsed(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("locks_dead"))
        unlock(device, 1)
        assert device.figures.pulses == 0
        assert events(device) == [UnlockDone("c1", 1, "disabled")]

    with_device(scenario)


def test_a_weak_supply_frees_one_latch_and_the_next_pulse_pulls_in_vain(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("locks_weak", amount=1))
        unlock(device, 1, "c1")
        unlock(device, 2, "c2")
        await until(device, lambda: device.figures.pulses == 2)
        assert [door.position for door in device.cabinet.doors.values()][:2] == ["open", "shut"]

    with_device(scenario)


# --- scanner and keypad -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scanner_dribbles", "scanner_control_signs"])
def test_a_scanner_that_dribbles_or_adds_control_characters_still_gives_the_code(
    with_device: WithDevice, name: FaultName
) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault(name))
        device.scan("L1" + "0A B" * 33)
        await until(device, lambda: events(device))
        (event,) = events(device)
        assert isinstance(event, CodeScanned)
        assert event.text.replace("[2J", "") == "L1" + "0A B" * 33

    with_device(scenario)


def test_a_repeating_scanner_tells_the_same_code_each_time(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("scanner_repeats", amount=3))
        device.scan("L1AB")
        await until(device, lambda: len(events(device)) == 3)
        assert events(device) == [CodeScanned("L1AB")] * 3

    with_device(scenario)


def test_a_dead_scanner_and_a_dead_keypad_give_nothing(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("scanner_dead"))
        device.switches.switch(Fault("keypad_dead"))
        device.scan("L1AB")
        device.press(["1", "enter"])
        assert events(device) == []

    with_device(scenario)


def test_a_garbling_scanner_gives_another_code_or_none_and_the_loop_goes_on(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("scanner_garbles"))
        for _ in range(50):
            device.scan("L1ABCDEFGHIJKLMNOP")
        assert CodeScanned("L1ABCDEFGHIJKLMNOP") not in events(device)
        device.switches.switch(Fault("scanner_garbles"), on=False)
        device.scan("L1AB")
        assert events(device)[-1] == CodeScanned("L1AB")

    with_device(scenario)


def test_an_overlong_symbol_is_cut_and_the_next_is_whole(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("scanner_overlong", amount=20_000))
        device.scan("L1")
        device.switches.switch(Fault("scanner_overlong"), on=False)
        device.scan("L1AB")
        assert events(device) == [CodeScanned("L1" + "A" * 510), CodeScanned("L1AB")]

    with_device(scenario)


def test_bouncing_keys_are_each_one_digit(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("keypad_bounces"))
        device.press(["1", "1", "2", "enter"])
        await until(device, lambda: events(device))
        assert events(device) == [KeysEntered("112")]

    with_device(scenario)


def test_a_stuck_key_types_by_itself(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("key_stuck", amount=7))
        await until(device, lambda: device.controller and device.controller.keypad.digits == "77")
        device.switches.switch(Fault("key_stuck"), on=False)

    with_device(scenario)


# --- power, memory, clock ---------------------------------------------------------------------------------------------


def test_a_watchdog_reset_is_another_boot_that_says_so(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        assert device.controller is not None
        boot_id, store_id = device.controller.boot_id, device.controller.memory.store_id
        device.switches.switch(Fault("watchdog_bites"))
        assert device.controller.boot_reason == "watchdog"
        assert device.controller.boot_id != boot_id
        assert device.controller.memory.store_id == store_id

    with_device(scenario)


def test_flickering_power_boots_it_again_and_again_until_it_is_mended(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        boots = set[str]()
        device.watch(lambda: boots.add(device.controller.boot_id) if device.controller else None)
        device.switches.switch(Fault("power_flickers", amount=0.5))
        await until(device, lambda: len(boots) >= 3)
        device.switches.switch(Fault("power_flickers"), on=False)
        await until(device, lambda: device.controller is not None)

    with_device(scenario)


def test_power_that_is_cut_while_it_flickers_stays_off(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("power_flickers", amount=0.5))
        await until(device, lambda: device.controller is None)
        device.switches.switch(Fault("power_cut"))
        await asyncio.sleep(1)
        assert device.controller is None
        device.switches.clear()
        assert device.controller is not None

    with_device(scenario)


def test_a_lost_memory_is_a_new_one_and_an_old_copy_forgets_what_came_since(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        assert device.controller is not None
        first = device.controller.memory.store_id
        device.scan("A")
        device.switches.switch(Fault("watchdog_bites"))
        device.scan("B")
        device.switches.switch(Fault("memory_restored"))
        assert events(device) == [CodeScanned("A")]
        assert device.controller.memory.store_id == first
        device.switches.switch(Fault("memory_lost"))
        assert events(device) == []
        assert device.controller.memory.store_id != first

    with_device(scenario)


def test_a_memory_lost_in_the_dark_boots_nothing(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        first = store_of(device)
        device.switches.switch(Fault("power_cut"))
        device.switches.switch(Fault("memory_lost"))
        assert not device.controller
        device.switches.switch(Fault("power_cut"), on=False)
        assert store_of(device) != first

    with_device(scenario)


def test_what_the_memory_does_not_take_does_not_happen_and_is_not_told(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.scan("A")
        device.switches.switch(Fault("memory_refuses"))
        unlock(device, 1)
        assert device.figures.pulses == 0
        assert not device.controller
        device.switches.clear()
        device.switches.switch(Fault("network_cut"))
        await until(device, lambda: device.controller)
        assert events(device) == [CodeScanned("A")]
        assert device.controller
        assert device.controller.boot_reason == "watchdog"
        assert device.controller.memory.last_event_no == 1

    with_device(scenario)


def test_a_disk_that_is_full_resets_the_controller_and_leaves_no_gap(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        fill_disk(device)
        device.scan("A")
        assert not device.controller
        await until(device, lambda: device.controller)
        device.scan("B")
        assert events(device) == [CodeScanned("B")]
        assert device.controller
        assert device.controller.memory.last_event_no == 1

    with_device(scenario)


def fill_disk(device: LockerDevice) -> None:
    """From now on every write finds no room, as on a full disk."""
    assert device._journal is not None
    device._journal.close()
    device._journal._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115 - the journal closes it


def test_a_memory_that_cannot_be_read_is_tried_again_until_it_can(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.switches.switch(Fault("power_cut"))
        kept = device.journal_path.read_bytes()
        device.journal_path.unlink()
        device.journal_path.mkdir()
        device.switches.switch(Fault("power_cut"), on=False)
        assert not device.controller
        device.journal_path.rmdir()
        device.journal_path.write_bytes(kept)
        await until(device, lambda: device.controller)

    with_device(scenario)
