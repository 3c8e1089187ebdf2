"""Time at a site whose temperatures matter: it passes in large steps, sampled or not."""

from locker_gateway.inputs import Tick
from locker_protocol.cold_messages import ParcelCleared, ParcelCondemned, ParcelQuarantined
from locker_protocol.vocabulary import Zone
from tests.gateway.world import World

MINUTE_MS = 60_000
STEP_MIN = 5


def pass_minutes(world: World, count: int, *, sampled: bool = True, step_min: int = STEP_MIN) -> None:
    """So many minutes go by; the lockers beat, and tell their samples unless they cannot."""
    for _ in range(0, count, step_min):
        world.pass_ms(step_min * MINUTE_MS)
        for controller in (world.g1, world.g2):
            if controller.pending:
                controller.report()
            controller.send_beat()
            if sampled:
                controller.sample()
        world.give(Tick())
    world.wait(1)


def warm(world: World, celsius: float | None, zone: Zone = Zone.CHILLED) -> None:
    """G1 has this temperature from now on; `None`: its probe says nothing."""
    world.g1.product_c[zone] = celsius
    world.g1.air_c[zone] = celsius


def told_of(world: World) -> list[tuple[str, str | None]]:
    """What the service is told of parcels' cold: which kind, and of which food class."""
    kinds = (ParcelQuarantined, ParcelCleared, ParcelCondemned)
    events = [each for each in world.told_events() if isinstance(each, kinds)]
    return [(type(each).__name__.removeprefix("Parcel").lower(), getattr(each, "food_class", None)) for each in events]
