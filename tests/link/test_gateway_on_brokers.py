"""The gateway as a process, on real NATS and Mosquitto: codes open doors, events arrive once, nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app.demo.brokers import Broker, BrokerKind, Identity, make_broker
from app.demo.ports import free_port
from locker_protocol.clock import RealClock
from locker_protocol.site_entries import (
    CredentialManifest,
    DoorSpec,
    LoadedParcel,
    ParcelManifest,
    ServiceKey,
    SiteSnapshot,
)
from locker_protocol.site_events import AccessRefused, ParcelCollected, UnlockGranted
from locker_protocol.token import RIGHT_COLLECT, Token, sign_token
from locker_protocol.uplink_messages import CommandAnswered, EntriesApplied, GatewayBirth, GatewayDeath, OpenDoors
from locker_protocol.vocabulary import Right, SizeClass, Zone
from tests.conftest import both_links, running
from tests.link.gateway_rig import (
    LOCKER,
    SERVICE_KEY,
    SITE_NO,
    Controller,
    Gateway,
    Service,
    running_gateway,
    starting_gateway,
    until,
)

NOW_MS = RealClock().now().civil_ms
DAY_MS = 86_400_000
# What design and issue ask of a person's wait, on a machine that does other things too.


@dataclass
class Rig:
    """A gateway with its service and its locker."""

    gateway: Gateway
    service: Service
    locker: Controller


@contextmanager
def rig_on(broker: Broker, data: Path, *, orders: int = 1) -> Iterator[Rig]:
    service, locker = Service(broker.url("service")), Controller(broker.url("controllers"))
    try:
        with running_gateway(broker.url("osmanthus"), data) as gateway:
            rig = Rig(gateway, service, locker)
            service.tell(snapshot(orders), log_id=f"down{NOW_MS}{data.name[-6:]}")
            until(lambda: service.heard(EntriesApplied), what="the snapshot is applied")
            locker.be_born()
            yield rig
    finally:
        locker.close()
        service.close()


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(broker, tmp_path / "gateway") as running:
        yield running


def test_a_code_opens_its_door_and_the_service_hears_of_it_once(rig: Rig) -> None:
    rig.locker.scan(code(1))
    until(lambda: rig.locker.pulses == [1], what="the door opens")
    rig.locker.shut(1)
    until(lambda: rig.service.told(ParcelCollected), what="the parcel is collected")
    assert rig.service.told(ParcelCollected) == [ParcelCollected("p1", "o1", LOCKER, 1)]
    assert [granted.order_id for granted in rig.service.told(UnlockGranted)] == ["o1"]
    until(lambda: rig.locker.shows[-1].screen == "done", what="the locker says thank you")


def test_a_forged_code_opens_nothing(rig: Rig) -> None:
    rig.locker.scan(code(1)[:-1] + "0")
    until(lambda: rig.service.told(AccessRefused), what="the refusal")
    assert rig.locker.pulses == []


def test_an_operator_opens_a_door_from_afar(rig: Rig) -> None:
    wait_for_life(rig)
    rig.service.send(OpenDoors("c1", [2], Right.STAFF, "op-4", "lamp", RealClock().now().civil_ms + 10_000))
    until(lambda: rig.service.heard(CommandAnswered), what="the answer")
    assert rig.service.heard(CommandAnswered) == [CommandAnswered("c1", doors=[2])]
    until(lambda: rig.locker.pulses == [2], what="the door opens")


def test_sigterm_ends_it_in_good_order_and_the_service_hears_of_its_death(rig: Rig) -> None:
    assert rig.gateway.stop() == 0
    until(lambda: isinstance(rig.service.presences[-1], GatewayDeath), what="its death")
    assert rig.gateway.lines[-1]["event"] == "stopped"


def test_after_sigkill_it_knows_what_it_knew_and_its_will_was_told(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path) as rig:
        rig.locker.scan(code(1))
        until(lambda: rig.locker.pulses == [1], what="the door opens")
        rig.gateway.kill()
        until(lambda: isinstance(rig.service.presences[-1], GatewayDeath), what="its will")
        rig.locker.shut(1)
        with running_gateway(broker.url("osmanthus"), tmp_path):
            until(lambda: rig.service.told(ParcelCollected), what="the parcel is collected")
            birth = next(each for each in reversed(rig.service.presences) if isinstance(each, GatewayBirth))
            assert birth.down is not None
            assert len(rig.service.told(UnlockGranted)) == 1


@pytest.mark.parametrize("kind", ["nats", "mosquitto"])
def test_it_comes_back_when_its_broker_does(kind: BrokerKind, tmp_path: Path) -> None:
    broker = make_broker(kind, name=kind, data=tmp_path, port=free_port(), identities=both_links())
    broker.prepare()
    with running(broker.command()) as first, rig_on(broker, tmp_path / "gateway") as rig:
        first.kill()
        until(lambda: "link_down" in events(rig.gateway), what="the loss is noticed")
        with running(broker.command()):
            until(lambda: events(rig.gateway).count("link_up") >= 4, what="both links are back")
            until(lambda: rig.locker.connected, what="the locker is back")
            rig.locker.scan(code(1))
            until(lambda: rig.locker.pulses == [1], what="the door opens")


def test_a_password_the_broker_refuses_is_told_and_tried_again(broker: Broker, tmp_path: Path) -> None:
    url = broker.url("osmanthus").replace("mqtt://osmanthus:", "mqtt://osmanthus:not")
    with starting_gateway(url, tmp_path) as gateway:
        until(lambda: events(gateway).count("link_refused") >= 4, what="both links are refused twice")
        assert gateway.stop() == 0


def test_topics_the_broker_does_not_grant_leave_the_link_down(tmp_path: Path) -> None:
    broker = make_broker("nats", name="nats", data=tmp_path, port=free_port(), identities=strangers())
    broker.prepare()
    with running(broker.command()), starting_gateway(broker.url("osmanthus"), tmp_path / "gateway") as gateway:
        until(lambda: "subscription_refused" in events(gateway), what="the refusal is told")
        assert "ready" not in events(gateway)


def collect(rig: Rig, number: int) -> float:
    """Scan, wait for the unlock, shut; seconds from scan to unlock."""
    before = len(rig.locker.unlocked_s)
    scanned_s = rig.locker.scan(code(number))
    until(lambda: len(rig.locker.unlocked_s) > before, what=f"order {number} opens")
    rig.locker.shut(door_of(number))
    until(
        lambda: rig.service.told(ParcelCollected)[-1:] and len(rig.service.told(ParcelCollected)) == number, what="it"
    )
    return rig.locker.unlocked_s[before] - scanned_s


def strangers() -> list[Identity]:
    return [replace(identity, reads=["nothing/of/theirs"]) for identity in both_links()]


def wait_for_life(rig: Rig) -> None:
    until(lambda: "controller_came_up" in events(rig.gateway), what="the locker is known")


def events(gateway: Gateway) -> list[str]:
    return [line["event"] for line in gateway.lines]


def door_of(number: int) -> int:
    return 1 + number % 3 if number > 1 else 1


def code(number: int) -> str:
    return sign_token(
        Token(1, SITE_NO, number.to_bytes(8), number, 1, RIGHT_COLLECT, (NOW_MS + DAY_MS) // 1000), SERVICE_KEY
    )


def snapshot(orders: int) -> SiteSnapshot:
    key = SERVICE_KEY.public_key().public_bytes_raw().hex()
    doors = [DoorSpec(door, LOCKER, Zone.CHILLED, SizeClass.M, 21_000, 450, 120) for door in (1, 2, 3)]
    numbers = range(1, orders + 1)
    return SiteSnapshot(
        SITE_NO,
        doors,
        [ServiceKey(1, key)],
        [parcel(number) for number in numbers],
        [CredentialManifest(f"o{n}", n, 1, n.to_bytes(8).hex(), NOW_MS + DAY_MS) for n in numbers],
        [LoadedParcel(f"p{number}", door_of(number), "loaded") for number in numbers],
    )


def parcel(number: int) -> ParcelManifest:
    return ParcelManifest(
        f"p{number}",
        f"R{number}",
        f"o{number}",
        1,
        Zone.CHILLED,
        SizeClass.S,
        1_000,
        100,
        [door_of(number)],
        NOW_MS,
        NOW_MS + DAY_MS,
        NOW_MS + DAY_MS,
    )
