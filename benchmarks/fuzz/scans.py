"""Forged codes at a site whose doors are loaded: the gateway's whole core, its controllers, and nothing between.

Every thousandth code is genuine and must open its door, whatever was shown before; none of the others may. Besides
codes, the site hears spoilt messages on both links. It uses the site of the gateway's tests, without its memory.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import locker_protocol
from benchmarks.fuzz.mutations import mutate
from benchmarks.fuzz.run import SHOWN, Memory, as_json, memory_now
from locker_gateway.inputs import BusMessage, Tick, UplinkMessage
from locker_gateway.outputs import AppendAudit, Output, PruneEvents
from locker_protocol.label import Label, write_label
from locker_protocol.site_entries import CredentialManifest, IssueCredential, LoadedParcel, PlanOrder
from locker_protocol.topics import BusKind, bus_topic
from locker_protocol.uplink_messages import LoadParcel, OpenDoors
from locker_protocol.vocabulary import Right
from tests.gateway.manifests import (
    HOUR_MS,
    RUN,
    SECRET,
    SITE_NO,
    START_MS,
    STRANGER,
    code,
    credential,
    credential_id,
    parcel,
    snapshot,
)
from tests.gateway.world import World, staff_code, unlocks

EVERY = 1_000
STEP_MS = 200
SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
HANDLES = 90
EXAMPLES = Path(locker_protocol.__file__).parent / "examples"
BUS = [path.read_bytes() for path in sorted((EXAMPLES / "bus").iterdir())]
UPLINK = [path.read_bytes() for path in sorted((EXAMPLES / "uplink").iterdir())]
BUS_KINDS: Sequence[BusKind] = ("report", "presence", "command")


@dataclass(slots=True)
class Scanned:
    """What came of it. `kinds` counts what was shown."""

    seed: int
    shown: int = 0
    genuine: int = 0
    opened: int = 0
    seconds: float = 0
    kinds: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            "shown": self.shown,
            "genuine": self.genuine,
            "genuine_opened": self.opened,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "kinds": dict(self.kinds),
            "violations": len(self.violations),
            "violated": self.violations[:SHOWN],
            "memory": as_json(self.memory),
        }


class Lobby(World):
    """The tests' site, which forgets what it sent: a million scans would fill the machine, not the gateway."""

    def __init__(self) -> None:
        super().__init__(told=False)
        self.turn = 0
        self._move_in()

    def commit(self, outputs: Iterable[Output]) -> None:
        """Keep no audit rows; events go when they are acknowledged."""
        super().commit([each for each in outputs if not isinstance(each, AppendAudit | PruneEvents)])

    def forget(self) -> None:
        """The service has everything; let it go here."""
        self.acknowledge()
        self.events.clear()
        self.sent.clear()
        self.said.clear()
        self.pulses.clear()
        for controller in (self.g1, self.g2):
            controller.shows.clear()
            controller.ring.clear()

    @property
    def order_id(self) -> str:
        """The order that lies behind door 1 now."""
        return f"o{self.turn}"

    @property
    def handle(self) -> int:
        """Its handle; handles come again."""
        return 10 + self.turn % HANDLES

    def load_next(self) -> None:
        """Door 1 is wiped, and a driver puts the next order there."""
        self.turn += 1
        own = parcel(
            self.turn,
            parcel_id=f"c{self.turn}",
            order_id=self.order_id,
            doors=[1],
            ref=f"{self.turn:08d}",
            **self._times(),
        )
        until = self.civil_ms + 10_000
        self.tell(PlanOrder(self.order_id, [own]), IssueCredential(self._credential(2, self.order_id, self.handle)))
        if self.turn > 1:
            self.down(OpenDoors(f"wipe{self.turn}", [1], Right.CHECK, "lin", "to wipe it", until))
            self._shut()
        self.down(LoadParcel(f"load{self.turn}", write_label(Label(SITE_NO, RUN, own.ref)), "lin", until))
        self._shut()
        self.forget()

    def genuine(self) -> str:
        """The code that opens door 1."""
        return code(2, order_id=self.order_id, handle=self.handle, expires_s=self._expires_s())

    def collect(self) -> None:
        """The order's owner took the bag and shut the door."""
        self._shut()
        self.forget()

    def _shut(self) -> None:
        self.g1.report()
        self.g1.shut(1)

    def _move_in(self) -> None:
        """Neighbours' orders lie behind doors 2, 3 and 5 from the start."""
        others = [
            parcel(9_000 + door, parcel_id=f"n{door}", order_id=f"n{door}", doors=[door], **self._times())
            for door in (2, 3, 5)
        ]
        credentials = [self._credential(2, each.order_id, 100 + each.doors[0]) for each in others]
        loaded = [LoadedParcel(each.parcel_id, each.doors[0], "loaded") for each in others]
        self.tell(snapshot(parcels=others, credentials=credentials, loaded=loaded))
        self.g1.be_born()
        self.g2.be_born()

    def _credential(self, generation: int, order_id: str, handle: int) -> CredentialManifest:
        return credential(generation, order_id=order_id, handle=handle, expires_at=1000 * self._expires_s())

    def _times(self) -> dict[str, int]:
        until = 1000 * self._expires_s()
        return {"loadable_from": START_MS - HOUR_MS, "loadable_until": until, "collect_until": until}

    def _expires_s(self) -> int:
        return self.civil_ms // 1000 + 20 * 3600


def scan_forgeries(count: int, *, seed: int, every: int = EVERY) -> Scanned:
    """Show so many codes; the same seed shows the same."""
    random, lobby, came = Random(seed), Lobby(), Scanned(seed)
    shows = Forger(lobby).acts()
    before_s = time.perf_counter()
    lobby.load_next()
    for number in range(1, count + 1):
        if number % every == 0:
            _show_genuine(lobby, came)
        else:
            kind, show = random.choice(shows)
            came.kinds[kind] += 1
            _show_forged(lobby, came, kind, show, random)
        lobby.pass_ms(STEP_MS)
        lobby.give(Tick())
        if number % 10 == 0:
            lobby.forget()
            lobby.g1.send_beat()
            lobby.g2.send_beat()
        if number % max(1, count // 10) == 0:
            came.memory.append(memory_now())
    came.shown, came.seconds = count, time.perf_counter() - before_s
    return came


def _show_genuine(lobby: Lobby, came: Scanned) -> None:
    came.genuine += 1
    opened = unlocks(lobby.g1.scan(lobby.genuine()))
    if opened == [1]:
        came.opened += 1
    else:
        came.violations.append(f"genuine code {came.genuine} opened {opened}")
    lobby.collect()
    lobby.load_next()


Show = Callable[[Random], list[Output]]


def _show_forged(lobby: Lobby, came: Scanned, kind: str, show: Show, random: Random) -> None:
    before = len(lobby.pulses)
    try:
        opened = unlocks(show(random))
    except Exception as error:  # noqa: BLE001  whatever it is, it is what we look for
        came.violations.append(f"{kind} raised {error!r:.300}")
        return
    if opened or len(lobby.pulses) > before:
        came.violations.append(f"{kind} opened {opened}")


# --- what people and others show --------------------------------------------------------------------------------------


class Forger:
    """Everybody who shows what must not open. Each act is a method; the same random numbers make the same acts."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

    def acts(self) -> Sequence[tuple[str, Show]]:
        """All of them by name."""
        names = [name for name in vars(Forger) if not name.startswith("_") and name != "acts"]
        return [(name, getattr(self, name)) for name in names]

    def _scan(self, text: str) -> list[Output]:
        return self._lobby.g1.scan(text[:512])

    def one_sign_changed(self, random: Random) -> list[Output]:
        good = self._lobby.genuine()
        place, sign = random.randrange(len(good)), random.choice(SYMBOLS)
        return self._scan(good[:place] + sign + good[place + 1 :]) if good[place] != sign else []

    def spoilt(self, random: Random) -> list[Output]:
        good = self._lobby.genuine()
        text = mutate(random, [good.encode()]).decode("latin-1")
        return self._scan(text) if text != good else []

    def anybodys(self, random: Random) -> list[Output]:
        return self._scan("L1" + "".join(random.choices(SYMBOLS, k=132)))

    def strangers_key(self, _random: Random) -> list[Output]:
        return self._scan(code(2, order_id=self._lobby.order_id, handle=self._lobby.handle, key=STRANGER))

    def unknown_key(self, random: Random) -> list[Output]:
        return self._scan(code(2, order_id=self._lobby.order_id, key=STRANGER, key_id=random.randrange(2, 256)))

    def earlier_code(self, _random: Random) -> list[Output]:
        return self._scan(code(1, order_id=self._lobby.order_id, handle=self._lobby.handle))

    def other_site(self, random: Random) -> list[Output]:
        return self._scan(
            code(2, order_id=self._lobby.order_id, handle=self._lobby.handle, site_no=random.randrange(8, 99))
        )

    def no_right(self, random: Random) -> list[Output]:
        return self._scan(
            code(2, order_id=self._lobby.order_id, handle=self._lobby.handle, rights=random.choice((0, 8, 0x80)))
        )

    def long_ago(self, random: Random) -> list[Output]:
        past = self._lobby.civil_ms // 1000 - 400 - random.randrange(10**6)
        return self._scan(code(2, order_id=self._lobby.order_id, handle=self._lobby.handle, expires_s=past))

    def order_of_nobody(self, random: Random) -> list[Output]:
        return self._scan(code(3, credential_id=random.randbytes(8), handle=random.randrange(200, 65_536)))

    def collected_before(self, random: Random) -> list[Output]:
        before = f"o{random.randrange(0, max(1, self._lobby.turn - 1))}"
        return self._scan(code(2, order_id=before, handle=self._lobby.handle + 1, credential_id=credential_id(before)))

    def old_staff_code(self, random: Random) -> list[Output]:
        return self._scan(
            staff_code(self._lobby, number=random.randrange(1, 300), ahead_s=-400 - random.randrange(9_999))
        )

    def label(self, random: Random) -> list[Output]:
        return self._scan(f"P1-{random.randrange(9)}-12-ABCD{random.randrange(10**4):04d}")

    def digits(self, random: Random) -> list[Output]:
        """No typed code of a living handle: a random one is right once in a million, as it is meant to be."""
        return self._lobby.g2.type("".join(random.choices("0123456789", k=random.choice((1, 2, 3, 7, 10, 16)))))

    def typed_wrong(self, random: Random) -> list[Output]:
        secret = f"{random.randrange(10**6):06d}"
        return self._lobby.g2.type(f"{self._lobby.handle}{secret}") if secret != SECRET else []

    def bytes_on_the_bus(self, random: Random) -> list[Output]:
        topic = bus_topic("gw", random.choice(("G2", "G9")), random.choice(BUS_KINDS))
        return self._lobby.give(BusMessage(topic, mutate(random, BUS), self._lobby.ms))

    def bytes_from_above(self, random: Random) -> list[Output]:
        head = random.choice((b"1.1." + b"A" * 88 + b"\n", b"1.1.\n", b""))
        return self._lobby.give(UplinkMessage(head + mutate(random, UPLINK), self._lobby.ms))
