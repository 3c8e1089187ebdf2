"""What the display may know: the gateway's message, and what the controller's own contacts say. Time is given."""

from collections.abc import Callable, Coroutine

from firmware_sim.device import LockerDevice
from firmware_sim.hands import UseDoor
from firmware_sim.signals import ContactChanged, Received
from firmware_sim.view import SHOWN_FOR_MS, STUCK_AFTER_MS, StateView, state_of
from locker_protocol.bus_messages import Show
from locker_protocol.vocabulary import Refusal

WithDevice = Callable[[Callable[[LockerDevice], Coroutine[None, None, None]]], None]


def later(device: LockerDevice, ms: int) -> StateView:
    """The locker as it looks so long after its display changed."""
    return state_of(device, device.screen.at_ms + ms)


def show(device: LockerDevice, said: Show) -> None:
    device.feed(Received(said))


def contact(device: LockerDevice, door: int, *, is_open: bool) -> None:
    """A contact that has come to rest."""
    assert device.controller is not None
    device.feed(ContactChanged(door, is_open))
    device.controller.sensors.is_open[door] = is_open
    device.changed()


def test_a_door_that_is_told_to_open_and_does_not_is_stuck_after_three_seconds(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        show(device, Show("opening", [1, 2]))
        contact(device, 1, is_open=True)
        assert later(device, STUCK_AFTER_MS - 1).stuck == []
        assert later(device, STUCK_AFTER_MS).stuck == [2]
        contact(device, 2, is_open=True)
        assert later(device, STUCK_AFTER_MS).stuck == []

    with_device(scenario)


def test_a_door_that_opened_and_was_shut_is_not_stuck_though_the_words_come_twice(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        show(device, Show("opening", [1, 2]))
        contact(device, 1, is_open=True)
        contact(device, 1, is_open=False)
        show(device, Show("opening", [1, 2]))
        assert later(device, STUCK_AFTER_MS).stuck == [2]
        show(device, Show("opening", [1]))
        assert later(device, STUCK_AFTER_MS).stuck == [1]

    with_device(scenario)


def test_of_another_lockers_doors_this_one_knows_nothing(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        show(device, Show("opening", [77]))
        assert later(device, STUCK_AFTER_MS).stuck == []

    with_device(scenario)


def test_what_a_hand_jammed_is_not_told_to_the_display(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.apply(UseDoor(1, "jam"))
        show(device, Show("done", [1]))
        assert later(device, SHOWN_FOR_MS - 1).stuck == []

    with_device(scenario)


def test_the_keypads_pause_goes_on_after_its_words_are_gone(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        show(device, Show("refused", refusal=Refusal.WRONG_CODE, wait_s=120))
        after = later(device, SHOWN_FOR_MS)
        assert (after.show, after.wait_left_ms) == (None, 120_000 - SHOWN_FOR_MS)
        show(device, Show("visit"))
        assert later(device, 0).wait_left_ms > 0
        assert later(device, 120_000).wait_left_ms == 0

    with_device(scenario)


def test_without_power_nothing_is_remembered_on_the_glass(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        show(device, Show("refused", refusal=Refusal.WAIT, wait_s=300))
        device.power_off()
        device.power_on()
        view = state_of(device, device.now().monotonic_ms)
        assert (view.show, view.wait_left_ms, view.stuck) == (None, 0, [])

    with_device(scenario)
