"""The shop front: who orders what, when, and when a picker has filled their bags."""

from functools import partial
from typing import TYPE_CHECKING

from locker_protocol.ids import short_reference
from locker_protocol.label import REF_LENGTH
from locker_protocol.site_entries import ParcelManifest
from locker_protocol.vocabulary import SizeClass, Zone
from simulation.kernel import Process
from simulation.lobby import VAN, Bag

if TYPE_CHECKING:
    from simulation.world import World

RUN_NO = 12
HOUR_MS = 3_600_000
# By which rules the goods of a bag are judged.
BAGS = (("chilled_tcs",), ("chilled_tcs",), ("chilled_quality",), ("chilled_tcs", "chilled_quality"))


class Shop:
    """Everybody who has not come to the lockers yet, and whoever packs for them."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel = world, world.kernel

    def order(self, number: int) -> None:
        """Somebody orders and pays; the bags are packed within a minute."""
        order_id = f"o{number}"
        now = self.world.service.clock.civil_ms()
        count = 2 if self.kernel.chance(0.3) else 1
        parcels = {
            f"p{number}{'ab'[place]}": self._parcel(order_id, f"p{number}{'ab'[place]}") for place in range(count)
        }
        self.world.service.try_(lambda: self.world.service.book.place(order_id, parcels, now))
        if order_id not in self.world.service.book.orders:
            self.kernel.after(self.kernel.between(1_000, 5_000), partial(self.order, number))
            return
        self.world.charges[order_id] = sum(sum(lines.values()) for _, lines in parcels.values())
        self.world.manifests |= {each: manifest for each, (manifest, _) in parcels.items()}
        for parcel_id in parcels:
            self.world.lobby.bags[parcel_id] = Bag(parcel_id, order_id)
            self.kernel.spawn(self._pack(parcel_id), self.kernel.between(500, 15_000))
        self.kernel.spawn(self.world.residents.resident(order_id))

    def _parcel(self, order_id: str, parcel_id: str) -> tuple[ParcelManifest, dict[str, int]]:
        now, kernel = self.world.gateway.clock.true_ms(), self.kernel
        planned = sorted(self.world.doors, key=lambda _: kernel.rng.random())[:3]
        size = kernel.pick((SizeClass.S, SizeClass.S, SizeClass.M))
        lines = {name: kernel.between(1, 9_999) for name in kernel.pick(BAGS)}
        manifest = ParcelManifest(
            parcel_id,
            short_reference(REF_LENGTH, kernel.random_bytes),
            order_id,
            RUN_NO,
            Zone.CHILLED,
            size,
            12_000 if size is SizeClass.S else 19_000,
            300,
            [door for door in planned if size is SizeClass.S or door % 2],
            now - HOUR_MS,
            now + self.world.kept_ms + 2 * HOUR_MS,
            now + self.world.kept_ms + 3 * HOUR_MS,
            list(lines),
        )
        return manifest, lines

    def _pack(self, parcel_id: str) -> Process:
        """A picker fills the bag; some forget to say so."""
        bag, book = self.world.lobby.bags[parcel_id], self.world.service.book
        bag.place = VAN
        if self.kernel.chance(0.9):
            work = partial(book.pack, parcel_id, self.world.service.clock.civil_ms(), self.kernel.random_bytes)
            self.world.service.try_(work)
        yield 0
