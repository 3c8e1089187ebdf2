"""The controller's rules, one input at a time: what is done, and in which order."""

from collections.abc import Sequence

import pytest

from firmware_sim import controller as core
from firmware_sim import signals
from firmware_sim.controller import Controller, boot, due_ms, step
from firmware_sim.memory import CommandKept, EventKept, Memory, new_memory
from firmware_sim.signals import Output
from locker_protocol.bus_messages import (
    Beat,
    CodeScanned,
    ControllerBirth,
    ControllerEvent,
    DoorOpened,
    DoorShut,
    Echo,
    Events,
    EventsReceived,
    KeysEntered,
    NumberedEvent,
    Show,
    Unlock,
    UnlockDone,
    number_event,
)
from locker_protocol.clock import Now
from locker_protocol.codec import MAX_MESSAGE_BYTES, encode
from locker_protocol.ids import random_bytes

START_MS = 1_000_000
ECHO = 41


def at(ms: int) -> Now:
    return Now(civil_ms=1_800_000_000_000 + ms, monotonic_ms=START_MS + ms)


def booted(memory: Memory | None = None, *, open_doors: Sequence[int] = (), ms: int = 0) -> Controller:
    contacts = {door: door in open_doors for door in (1, 2, 3, 4)}
    state, _ = boot(
        memory or new_memory("store"), contacts=contacts, reason="power_on", now=at(ms), random=random_bytes
    )
    return state


def unlock(state: Controller, command_id: str, door: int, ms: int, beat: int | None = None) -> signals.Received:
    return signals.Received(Unlock(command_id, door, state.boot_id, state.beat(at(ms)) if beat is None else beat))


def pulses(outputs: list[Output]) -> list[int]:
    return [output.door for output in outputs if isinstance(output, signals.Energise)]


def kinds(outputs: list[Output]) -> list[str]:
    return [type(output).__name__ for output in outputs]


def sent(outputs: list[Output]) -> list[NumberedEvent]:
    reports = [output.message for output in outputs if isinstance(output, signals.Send)]
    return [event for report in reports if isinstance(report, Events) for event in report.events]


def happened(state: Controller) -> list[ControllerEvent]:
    return [kept.event for kept in state.memory.events]


def connect(state: Controller, ms: int) -> list[Output]:
    """A connection, and the gateway's first word in it."""
    return step(state, signals.Connected(), at(ms)) + step(state, signals.Received(Echo(ECHO)), at(ms))


def open_fully(state: Controller, door: int, ms: int) -> list[Output]:
    step(state, signals.ContactChanged(door, is_open=True), at(ms))
    return step(state, signals.Woken(), at(ms + 50))


def test_a_fresh_unlock_is_remembered_before_the_lock_is_energised() -> None:
    state = booted()
    outputs = step(state, unlock(state, "c1", 2, 500), at(500))

    assert kinds(outputs)[:2] == ["Remember", "Energise"]
    first = outputs[0]
    assert isinstance(first, signals.Remember)
    assert first.synced
    assert first.records == (CommandKept("c1", 2, "pulsed"),)
    assert happened(state) == [UnlockDone("c1", 2, "pulsed")]


def test_a_repeated_command_gets_its_first_outcome_and_no_second_pulse() -> None:
    state = booted()
    step(state, unlock(state, "c1", 2, 500), at(500))
    again = step(state, unlock(state, "c1", 2, 900), at(900))

    assert pulses(again) == []
    assert happened(state)[-1] == UnlockDone("c1", 2, "pulsed")


def test_a_repeat_is_recognised_before_its_age_is_looked_at() -> None:
    state = booted()
    step(state, unlock(state, "c1", 2, 500), at(500))
    step(state, unlock(state, "c1", 2, 60_000, beat=0), at(60_000))

    assert happened(state)[-1] == UnlockDone("c1", 2, "pulsed")


@pytest.mark.parametrize("beat", [21, 0, 31, 10**9])
def test_an_unlock_of_an_old_or_unheard_beat_is_stale_and_nothing_is_energised(beat: int) -> None:
    state = booted()
    outputs = step(state, unlock(state, "c1", 2, 30_000, beat=beat), at(30_000))

    assert pulses(outputs) == []
    assert happened(state) == [UnlockDone("c1", 2, "stale")]


def test_an_unlock_eight_beats_old_still_opens() -> None:
    state = booted()
    assert pulses(step(state, unlock(state, "c1", 2, 30_999, beat=22), at(30_999))) == [2]


def test_an_unlock_for_another_boot_is_stale() -> None:
    before = booted()
    command = unlock(before, "c1", 2, 500)
    after = booted(before.memory, ms=1_000)

    assert pulses(step(after, command, at(1_500))) == []
    assert happened(after) == [UnlockDone("c1", 2, "stale")]


def test_a_stale_command_stays_stale_when_repeated_with_a_fresh_beat() -> None:
    state = booted()
    step(state, unlock(state, "c1", 2, 30_000, beat=0), at(30_000))
    again = step(state, unlock(state, "c1", 2, 30_100), at(30_100))

    assert pulses(again) == []
    assert happened(state)[-1] == UnlockDone("c1", 2, "stale")


def test_an_unknown_door_is_refused() -> None:
    state = booted()
    assert pulses(step(state, unlock(state, "c1", 9, 500), at(500))) == []
    assert happened(state) == [UnlockDone("c1", 9, "unknown_door")]


def test_without_lock_supply_an_unlock_is_refused_as_disabled() -> None:
    state = booted()
    step(state, signals.LockSupplySwitched(on=False), at(100))
    assert pulses(step(state, unlock(state, "c1", 2, 500), at(500))) == []
    assert happened(state) == [UnlockDone("c1", 2, "disabled")]


def test_power_cut_between_remembering_and_pulsing_opens_nothing_and_a_repeat_gets_the_stored_outcome() -> None:
    cut = booted()
    command = unlock(cut, "c1", 2, 500)
    remembered = step(cut, command, at(500))[0]
    assert isinstance(remembered, signals.Remember)
    on_disk = new_memory("store")
    for record in remembered.records:
        on_disk.apply(record)

    after = booted(on_disk, ms=1_000)
    again = step(after, command, at(1_500))

    assert pulses(again) == []
    assert happened(after) == [UnlockDone("c1", 2, "pulsed")]


def test_four_unlocks_at_once_are_pulsed_150_ms_apart() -> None:
    state = booted()
    first = [pulses(step(state, unlock(state, f"c{door}", door, 500), at(500))) for door in (1, 2, 3, 4)]
    later = [pulses(step(state, signals.Woken(), at(ms))) for ms in (640, 650, 799, 800, 950, 1_100)]

    assert first == [[1], [], [], []]
    assert later == [[], [2], [], [3], [4], []]


def test_the_ring_forgets_only_the_257th_command() -> None:
    state = booted()
    for number in range(257):
        step(state, unlock(state, f"c{number}", 9, 500), at(500))
    assert "c0" not in state.memory.outcomes
    assert "c1" in state.memory.outcomes


def test_an_opened_door_names_the_unlock_it_followed_once() -> None:
    state = booted()
    step(state, unlock(state, "c1", 2, 500), at(500))
    open_fully(state, 2, 600)
    step(state, signals.ContactChanged(2, is_open=False), at(2_000))
    step(state, signals.Woken(), at(2_050))
    open_fully(state, 2, 3_000)

    assert happened(state)[1:] == [DoorOpened(2, "c1"), DoorShut(2), DoorOpened(2, None)]


def test_a_door_names_the_unlock_that_opened_it_and_not_one_that_waits_for_its_turn() -> None:
    state = booted()
    step(state, unlock(state, "other", 1, 500), at(500))
    step(state, unlock(state, "owner", 2, 510), at(510))
    step(state, unlock(state, "staff", 2, 520), at(520))
    assert pulses(step(state, signals.Woken(), at(650))) == [2]
    open_fully(state, 2, 660)
    assert pulses(step(state, signals.Woken(), at(800))) == [2]

    assert [event for event in happened(state) if isinstance(event, DoorOpened)] == [DoorOpened(2, "owner")]


def test_after_a_power_loss_a_door_found_open_names_the_unlock_that_was_kept() -> None:
    state = booted()
    step(state, unlock(state, "c1", 2, 500), at(500))
    again = booted(state.memory, open_doors=[2], ms=1_000)

    assert happened(again)[-1] == DoorOpened(2, "c1")


def test_a_door_that_opens_ten_seconds_after_its_pulse_was_forced() -> None:
    state = booted()
    step(state, unlock(state, "c1", 2, 500), at(500))
    step(state, signals.Woken(), at(10_500))
    open_fully(state, 2, 10_600)

    assert happened(state)[-1] == DoorOpened(2, None)


def test_a_bouncing_contact_gives_one_event_50_ms_after_it_came_to_rest() -> None:
    state = booted()
    for ms, is_open in ((0, True), (6, False), (14, True)):
        step(state, signals.ContactChanged(2, is_open), at(ms))
    assert core.due_ms(state) == START_MS + 64

    step(state, signals.Woken(), at(63))
    assert happened(state) == []
    step(state, signals.Woken(), at(64))
    assert happened(state) == [DoorOpened(2, None)]


def test_a_contact_that_falls_back_gives_no_event() -> None:
    state = booted()
    step(state, signals.ContactChanged(2, is_open=True), at(0))
    step(state, signals.ContactChanged(2, is_open=False), at(30))
    step(state, signals.Woken(), at(200))
    assert happened(state) == []


def test_the_first_message_of_a_connection_is_a_retained_birth_with_the_whole_state() -> None:
    state = booted(open_doors=[3])
    outputs = connect(state, 2_500)

    birth, events = outputs[0], outputs[1]
    assert isinstance(birth, signals.Send)
    assert isinstance(birth.message, ControllerBirth)
    assert (birth.kind, birth.qos, birth.retain) == ("presence", 1, True)
    assert birth.message.beat == 2
    assert [door.state for door in birth.message.doors] == ["shut", "shut", "open", "shut"]
    assert isinstance(events, signals.Send)
    assert isinstance(events.message, Events)


def test_a_birth_is_sent_once_more_three_seconds_later_over_a_stale_death() -> None:
    state = booted()
    connect(state, 0)
    births = [
        isinstance(output, signals.Send) and isinstance(output.message, ControllerBirth)
        for ms in (2_000, 3_000, 4_000, 8_000)
        for output in step(state, signals.Woken(), at(ms))[:1]
    ]
    assert births == [False, True, False, False]


def test_events_made_while_disconnected_are_sent_on_connecting_with_their_age() -> None:
    state = booted()
    assert not any(isinstance(output, signals.Send) for output in step(state, signals.SymbolRead("A"), at(1_000)))
    events = sent(connect(state, 4_000))

    assert events == [number_event(1, 3_000, CodeScanned("A"))]


def test_events_are_sent_again_every_two_seconds_until_received() -> None:
    state = booted()
    connect(state, 0)
    assert len(sent(step(state, signals.SymbolRead("A"), at(100)))) == 1
    assert sent(step(state, signals.Woken(), at(2_099))) == []
    assert [event.age_ms for event in sent(step(state, signals.Woken(), at(2_100)))] == [2_000]

    step(state, signals.Received(EventsReceived("store", 1)), at(2_200))
    assert sent(step(state, signals.Woken(), at(4_200))) == []
    assert happened(state) == []


def test_a_receipt_for_another_memory_or_for_the_future_is_ignored() -> None:
    state = booted()
    step(state, signals.SymbolRead("A"), at(0))
    step(state, signals.Received(EventsReceived("other", 1)), at(10))
    step(state, signals.Received(EventsReceived("store", 2)), at(20))
    assert happened(state) == [CodeScanned("A")]


def test_a_long_queue_goes_out_32_at_a_time_as_each_batch_is_received() -> None:
    state = booted()
    for number in range(40):
        step(state, signals.SymbolRead(f"A{number}"), at(number))
    first = sent(connect(state, 100))
    second = sent(step(state, signals.Received(EventsReceived("store", 32)), at(110)))

    assert [event.event_no for event in first] == list(range(1, 33))
    assert [event.event_no for event in second] == list(range(33, 41))


def test_a_report_stays_within_the_contracts_size_whatever_was_scanned() -> None:
    state = booted()
    for number in range(40):
        step(state, signals.SymbolRead("\U0001f966" * 512), at(number))
    numbers: list[int] = []
    outputs = connect(state, 100)
    while reports := [each.message for each in outputs if isinstance(each, signals.Send) and each.kind == "report"]:
        assert len(encode(reports[0])) <= MAX_MESSAGE_BYTES
        numbers += [event.event_no for event in sent(outputs)]
        outputs = step(state, signals.Received(EventsReceived("store", numbers[-1])), at(110))

    assert numbers == list(range(1, 41))


def test_every_event_is_on_disk_before_it_is_sent() -> None:
    state = booted()
    connect(state, 0)
    outputs = step(state, signals.SymbolRead("A"), at(100))

    assert kinds(outputs) == ["Remember", "Send"]
    remembered = outputs[0]
    assert isinstance(remembered, signals.Remember)
    assert remembered.synced
    assert remembered.records == (EventKept(1, state.boot_id, START_MS + 100, CodeScanned("A")),)


def test_event_numbers_go_on_after_a_power_cut_and_old_events_say_they_are_of_an_earlier_boot() -> None:
    before = booted()
    step(before, signals.SymbolRead("A"), at(100))
    after = booted(before.memory, ms=5_000)
    step(after, signals.SymbolRead("B"), at(6_000))
    events = sent(connect(after, 7_000))

    assert events == [
        number_event(1, 2_000, CodeScanned("A"), earlier_boot=True),
        number_event(2, 1_000, CodeScanned("B")),
    ]


def test_doors_that_moved_in_the_dark_are_reported_at_power_up() -> None:
    before = booted()
    open_fully(before, 1, 100)
    after = booted(before.memory, open_doors=[4], ms=5_000)

    assert happened(after)[1:] == [DoorShut(1), DoorOpened(4, None)]


def test_a_door_pulsed_just_before_a_power_cut_still_names_its_unlock() -> None:
    before = booted()
    step(before, unlock(before, "c1", 2, 500), at(500))
    after = booted(before.memory, open_doors=[2], ms=5_000)
    assert happened(after)[-1] == DoorOpened(2, "c1")
    assert after.memory.pulsed == {}


def test_a_door_pulsed_in_vain_before_a_power_cut_is_not_excused_later() -> None:
    before = booted()
    step(before, unlock(before, "c1", 2, 500), at(500))
    after = booted(before.memory, ms=5_000)
    open_fully(after, 2, 6_000)
    assert happened(after)[-1] == DoorOpened(2, None)


def test_a_beat_every_two_seconds_tells_doors_and_zones() -> None:
    state = booted()
    connect(state, 0)
    outputs = step(state, signals.Woken(), at(2_000))
    beat = outputs[-1]
    assert isinstance(beat, signals.Send)
    assert isinstance(beat.message, Beat)
    assert (beat.kind, beat.qos, beat.retain) == ("report", 0, False)
    assert beat.message.beat == 2
    assert core.due_ms(booted()) == START_MS + 2_000


def test_keys_are_entered_when_confirmed_and_forgotten_after_a_minute() -> None:
    state = booted()
    for key in ("0", "7", "back", "4", "enter"):
        step(state, signals.KeyPressed(key), at(100))
    step(state, signals.KeyPressed("9"), at(200))
    step(state, signals.Woken(), at(60_200))
    step(state, signals.KeyPressed("1"), at(60_300))
    step(state, signals.KeyPressed("enter"), at(60_400))

    assert happened(state) == [KeysEntered("04"), KeysEntered("1")]


def test_enter_without_digits_is_no_event() -> None:
    state = booted()
    step(state, signals.KeyPressed("enter"), at(100))
    assert happened(state) == []


def test_a_scan_loses_its_control_characters_and_what_is_beyond_512() -> None:
    state = booted()
    step(state, signals.SymbolRead("\x1b\x00L1\ud800AB\r\n" + "C" * 9_000), at(0))
    (event,) = happened(state)
    assert isinstance(event, CodeScanned)
    assert event.text.startswith("L1ABCC")
    assert len(event.text) == 512


def test_a_scan_of_nothing_but_control_characters_is_no_event() -> None:
    state = booted()
    step(state, signals.SymbolRead("\x1b\x00\r\n"), at(0))
    assert happened(state) == []


def test_a_flood_of_scans_leaves_room_for_doors_and_makes_no_gap() -> None:
    state = booted()
    for _ in range(core.MAX_QUEUE_FOR_PEOPLE + 100):
        step(state, signals.SymbolRead("A"), at(0))
    open_fully(state, 2, 100)

    numbers = [kept.event_no for kept in state.memory.events]
    assert numbers == list(range(1, core.MAX_QUEUE_FOR_PEOPLE + 2))
    assert happened(state)[-1] == DoorOpened(2, None)


def test_what_the_gateway_wants_shown_is_shown() -> None:
    state = booted()
    show = Show("opening", [2])
    assert step(state, signals.Received(show), at(0)) == [signals.Display(show)]


# --- echoes -----------------------------------------------------------------------------------------------------------


def echoed(outputs: list[Output]) -> list[int | None]:
    reports = [output.message for output in outputs if isinstance(output, signals.Send)]
    return [report.echo for report in reports if isinstance(report, Events | Beat)]


def test_every_report_gives_back_the_last_echo_of_its_connection_whatever_its_number() -> None:
    state = booted()
    connect(state, 0)
    assert echoed(step(state, signals.SymbolRead("A"), at(100))) == [ECHO]
    step(state, signals.Received(Echo(7)), at(200))
    assert echoed(step(state, signals.Woken(), at(2_000))) == [7]
    step(state, signals.Disconnected(), at(2_010))
    step(state, signals.Connected(), at(2_020))
    assert echoed(step(state, signals.Woken(), at(4_000))) == [None, None]


def test_a_new_connection_sends_events_after_its_first_echo() -> None:
    state = booted()
    step(state, signals.SymbolRead("A"), at(0))
    assert sent(step(state, signals.Connected(), at(100))) == []
    assert sent(step(state, signals.SymbolRead("B"), at(200))) == []
    outputs = step(state, signals.Received(Echo(ECHO)), at(300))
    assert [event.event_no for event in sent(outputs)] == [1, 2]
    assert echoed(outputs) == [ECHO]
    assert step(state, signals.Received(Echo(ECHO + 1)), at(400)) == []


def test_a_new_connection_that_hears_no_echo_for_a_second_sends_events_without() -> None:
    state = booted()
    step(state, signals.SymbolRead("A"), at(0))
    step(state, signals.Connected(), at(100))
    assert due_ms(state) == START_MS + 1_100
    assert sent(step(state, signals.Woken(), at(1_099))) == []
    outputs = step(state, signals.Woken(), at(1_100))
    assert [event.event_no for event in sent(outputs)] == [1]
    assert echoed(outputs) == [None]
