"""The serial line of a scanner, keys that hang, probes that lie, a crystal that drifts, a wire that loses."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.crystal import Crystal
from firmware_sim.fault_board import FaultBoard, seeded_bytes
from firmware_sim.faults import Fault, complete, spot_of
from firmware_sim.fridge import new_zone
from firmware_sim.panel import (
    HANGS_FOR_MS,
    KEYPAD_TIMEOUT_MS,
    MAX_DIGITS,
    MAX_FRAME_BYTES,
    MAX_SAME_KEY,
    MAX_SCAN,
    SCAN_GAP_MS,
    WAIT,
    Keypad,
    SerialLine,
)
from firmware_sim.probes import HOUR_MS, Probes
from firmware_sim.wire import Wire
from locker_protocol.bus_messages import ZoneReading
from locker_protocol.clock import Now
from locker_protocol.vocabulary import Zone

# --- the scanner's line -----------------------------------------------------------------------------------------------


def test_a_symbol_is_put_together_from_single_bytes() -> None:
    line = SerialLine()
    texts = [text for at_ms, byte in enumerate(b"L1AB\r\nL1CD\r") for text in line.take(bytes([byte]), at_ms)]
    assert texts == ["L1AB", "L1CD"]


def test_a_symbol_without_an_end_is_taken_after_a_gap_and_is_not_mixed_with_the_next() -> None:
    line = SerialLine()
    assert line.take(b"L1AB", 0) == []
    assert line.due_ms() == SCAN_GAP_MS
    assert line.expire(SCAN_GAP_MS - 1) == []
    assert line.expire(SCAN_GAP_MS) == ["L1AB"]
    assert line.due_ms() is None
    line.take(b"HALF", 1_000)
    assert line.take(b"L1CD\r", 2_000) == ["HALF", "L1CD"]


def test_bytes_that_are_no_text_and_control_characters_are_dropped() -> None:
    assert SerialLine().take(b"L1\xff\xfe\x1b\x00A\xe2\x82B\r", 0) == ["L1AB"]


def test_nothing_but_control_characters_is_no_symbol() -> None:
    assert SerialLine().take(b"\x00\x1b\x07\r\n\r\n", 0) == []


def test_what_never_ends_is_cut_and_never_gathered() -> None:
    line = SerialLine()
    for _ in range(100):
        line.take(b"A" * 10_000, 0)
    assert len(line.gathered) == MAX_FRAME_BYTES
    assert line.take(b"\rL1AB\r", 0) == ["A" * MAX_SCAN, "L1AB"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=600), st.integers(0, 300)), max_size=12))
def test_whatever_comes_over_the_line_a_text_is_short_printable_and_the_next_code_is_whole(
    pieces: list[tuple[bytes, int]],
) -> None:
    line, now_ms, texts = SerialLine(), 0, list[str]()
    for raw, pause_ms in pieces:
        now_ms += pause_ms
        texts += line.take(raw, now_ms)
    assert line.take(b"\rL1AB\r", now_ms)[-1] == "L1AB"
    assert all(0 < len(text) <= MAX_SCAN for text in texts)
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for text in texts for sign in text)


# --- the keypad -------------------------------------------------------------------------------------------------------


def test_a_key_that_hangs_is_found_out_and_what_it_typed_is_thrown_away() -> None:
    keypad = Keypad()
    for turn in range(MAX_SAME_KEY + 1):
        keypad.press("7", 1 + turn * 300)
    assert keypad.digits == ""
    now_ms = 8_000
    for key in ("1", "7", "2", "7"):
        keypad.press(key, now_ms)
    assert keypad.press("enter", now_ms) == "12"


def test_a_key_that_hung_is_listened_to_again_when_it_was_quiet_for_ten_seconds() -> None:
    keypad = Keypad()
    for _ in range(MAX_SAME_KEY + 1):
        keypad.press("7", 1)
    keypad.press("7", HANGS_FOR_MS)
    assert keypad.digits == ""
    keypad.press("7", 2 * HANGS_FOR_MS)
    assert keypad.digits == "7"


def test_typed_digits_are_kept_for_a_minute_and_then_gone_for_the_next_person() -> None:
    keypad = Keypad()
    keypad.press("0", 0)
    keypad.press("7", 5_000)
    assert keypad.due_ms() == 5_000 + KEYPAD_TIMEOUT_MS
    keypad.expire(4_999 + KEYPAD_TIMEOUT_MS)
    assert keypad.digits == "07"
    keypad.expire(5_000 + KEYPAD_TIMEOUT_MS)
    assert keypad.digits == ""


def test_whoever_asks_for_more_time_gets_it_again_as_often_as_they_ask() -> None:
    keypad = Keypad()
    keypad.press("7", 0)
    for turn in range(1, 3 * MAX_SAME_KEY):
        keypad.press(WAIT, turn * (KEYPAD_TIMEOUT_MS - 1))
    assert keypad.digits == "7"
    assert keypad.hung == {}


def test_asking_for_more_time_brings_nothing_back() -> None:
    keypad = Keypad()
    keypad.press("7", 0)
    keypad.press(WAIT, KEYPAD_TIMEOUT_MS)
    assert (keypad.digits, keypad.press("enter", KEYPAD_TIMEOUT_MS)) == ("", None)


def test_as_many_equal_digits_as_a_code_can_have_do_not_hang() -> None:
    keypad = Keypad()
    for _ in range(MAX_DIGITS):
        keypad.press("7", 1)
    assert keypad.press("enter", 1) == "7" * MAX_DIGITS


# --- probes -----------------------------------------------------------------------------------------------------------


def readings(*faults: Fault, hours: float = 0, times: int = 1) -> list[tuple[ZoneReading, ...]]:
    """A chilled zone at 2 °C and an ambient one at 24 °C, read with these faults."""
    board = FaultBoard(seeded_bytes("board"))
    for fault in faults:
        board.put(complete(fault))
    probes = Probes(board, seeded_bytes("probes"))
    fridges = {zone: new_zone(zone) for zone in (Zone.CHILLED, Zone.AMBIENT)}
    first = probes.read(fridges, 0)
    if not hours and times == 1:
        return [first]
    return [probes.read(fridges, int(hours * HOUR_MS)) for _ in range(times)]


def air(fault: Fault, *, hours: float = 0, times: int = 1) -> list[float | None]:
    return [reading[0].air_c for reading in readings(fault, hours=hours, times=times)]


def chilled_air(name: str, amount: float | None = None, one_in: int | None = None) -> Fault:
    return Fault(name, zone=Zone.CHILLED, probe="air", amount=amount, one_in=one_in)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("probe_dead", None),
        ("probe_reads_85", 85.0),
        ("probe_reads_minus_127", -127.0),
        ("probe_reads_127", 127.94),
        ("probe_out_of_range", 99.0),
    ],
)
def test_a_faulty_probe_says_its_one_thing_and_the_others_the_truth(name: str, value: float | None) -> None:
    ((chilled, ambient),) = readings(chilled_air(name))
    assert chilled.air_c == value
    assert chilled.product_c == pytest.approx(2, abs=0.2)
    assert ambient.air_c == pytest.approx(24, abs=0.2)


def test_a_stuck_probe_says_what_it_said_even_when_the_zone_warms() -> None:
    board = FaultBoard(seeded_bytes("board"))
    probes, fridges = Probes(board, seeded_bytes("probes")), {Zone.CHILLED: new_zone(Zone.CHILLED)}
    board.put(complete(chilled_air("probe_stuck")))
    (before,) = probes.read(fridges, 0)
    fridges[Zone.CHILLED].warm_by(20)
    (after,) = probes.read(fridges, 10_000)
    assert after.air_c == before.air_c
    assert after.product_c == pytest.approx(22, abs=0.2)


def test_a_drifting_probe_goes_away_from_the_truth_hour_by_hour() -> None:
    assert air(chilled_air("probe_drifts", 1.5), hours=4) == [pytest.approx(8, abs=0.2)]


def test_a_noisy_probe_scatters_as_widely_as_it_was_told() -> None:
    values = [value or 0 for value in air(chilled_air("probe_noisy", 2), times=400)]
    mean = sum(values) / len(values)
    spread = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
    assert mean == pytest.approx(2, abs=0.5)
    assert spread == pytest.approx(2, rel=0.2)


def test_a_jumping_probe_is_right_most_of_the_time() -> None:
    values = [round(value or 0) for value in air(chilled_air("probe_jumps", 15, 5), times=200)]
    assert set(values) == {2, 17}
    assert 20 < values.count(17) < 70


def test_swapped_probes_tell_air_as_food_and_crossed_ones_one_zone_as_the_other() -> None:
    board = FaultBoard(seeded_bytes("board"))
    probes = Probes(board, seeded_bytes("probes"))
    fridges = {zone: new_zone(zone) for zone in (Zone.CHILLED, Zone.AMBIENT)}
    fridges[Zone.CHILLED].air_c = 10
    board.put(complete(Fault("probes_swapped", zone=Zone.CHILLED)))
    swapped = probes.read(fridges, 0)
    assert swapped[0].air_c == pytest.approx(2, abs=0.2)
    assert swapped[0].product_c == pytest.approx(10, abs=0.2)
    board.put(complete(Fault("probes_crossed", zone=Zone.AMBIENT)))
    crossed = probes.read(fridges, 0)
    assert [reading.zone for reading in crossed] == [Zone.CHILLED, Zone.AMBIENT]
    assert crossed[1].air_c == pytest.approx(10, abs=0.2)
    assert crossed[0].air_c == pytest.approx(24, abs=0.2)


def test_replayed_probes_say_one_old_thing_until_the_fault_goes_and_forget_it_then() -> None:
    board = FaultBoard(seeded_bytes("board"))
    probes = Probes(board, seeded_bytes("probes"))
    fridges = {zone: new_zone(zone) for zone in (Zone.CHILLED, Zone.AMBIENT)}
    replayed = complete(Fault("probes_replayed"))
    board.put(replayed)
    old = probes.read(fridges, 0)
    board.put(complete(chilled_air("probe_dead")))
    fridges[Zone.CHILLED].warm_by(20)
    assert [probes.read(fridges, at_ms) for at_ms in range(10_000, 100_000, 10_000)] == [old] * 9
    board.take(spot_of(replayed))
    after = probes.read(fridges, 100_000)
    assert after[0].air_c is None
    assert after[0].product_c == pytest.approx(22, abs=0.2)
    board.put(replayed)
    assert probes.read(fridges, 110_000)[0].product_c == pytest.approx(22, abs=0.2)


# --- clock and wire ---------------------------------------------------------------------------------------------------


class HandClock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.ms = 1_000

    def now(self) -> Now:
        return Now(1_800_000_000_000, self.ms)


def test_a_fast_crystal_gains_and_never_jumps_when_its_rate_changes() -> None:
    clock = HandClock()
    crystal = Crystal(clock)
    assert crystal.now().monotonic_ms == 1_000
    crystal.run_at(1.5)
    assert crystal.now().monotonic_ms == 1_000
    clock.ms += 1_000
    assert crystal.now().monotonic_ms == 2_500
    crystal.run_at(0.5)
    assert crystal.now().monotonic_ms == 2_500
    clock.ms += 1_000
    assert crystal.now().monotonic_ms == 3_000
    assert crystal.real_s(1_000) == 2


def carried(*faults: Fault, messages: int = 200, wait_s: float = 0.0) -> list[int]:
    """The numbers that arrive of those sent one after the other."""
    arrived = list[int]()

    async def send() -> None:
        board = FaultBoard(seeded_bytes("wire"))
        for fault in faults:
            board.put(complete(fault))
        wire = Wire(board, arrived.append)
        for number in range(messages):
            wire.send(number)
        at_once = list(arrived)
        await asyncio.sleep(wait_s)
        assert wait_s == 0 or at_once == []

    asyncio.run(send())
    return arrived


def test_a_sound_wire_carries_everything_at_once() -> None:
    assert carried() == list(range(200))


def test_a_lossy_wire_loses_some_and_keeps_the_order() -> None:
    arrived = carried(Fault("network_lossy", one_in=4))
    assert 120 < len(arrived) < 180
    assert arrived == sorted(arrived)


def test_a_repeating_wire_brings_some_twice() -> None:
    arrived = carried(Fault("network_repeats", one_in=4))
    assert 220 < len(arrived) < 280
    assert sorted(set(arrived)) == list(range(200))


def test_a_slow_wire_brings_everything_later_and_in_order() -> None:
    assert carried(Fault("network_slow", amount=20), wait_s=1) == list(range(200))


def test_a_connection_that_is_gone_takes_with_it_what_was_under_way() -> None:
    async def send() -> list[int]:
        board, arrived = FaultBoard(seeded_bytes("wire")), list[int]()
        board.put(complete(Fault("network_slow", amount=20)))
        wire = Wire(board, arrived.append)
        wire.send(1)
        wire.cut()
        wire.send(2)
        await asyncio.sleep(0.5)
        return arrived

    assert asyncio.run(send()) == [2]
