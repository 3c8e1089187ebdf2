"""What a site tells moves parcels and orders, and what the tables refuse is stored and moves nothing."""

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Engine, text

from app.link.notices import plain_url
from locker_protocol.site_events import (
    ControllerCameUp,
    ControllerEventRefused,
    ControllerWentSilent,
    DoorLeftOpen,
    DoorTroubleEnded,
    DoorTroubleFound,
    DoorWasOpened,
    DoorWasShut,
    ParcelCollected,
    ParcelLoaded,
    ParcelRemoved,
    SiteEvent,
    UnlockGranted,
)
from locker_protocol.vocabulary import DoorTrouble, Right, Via
from tests.link.world import (
    GATEWAY,
    LOCKER,
    SITE,
    START,
    Service,
    add_credential,
    add_order,
    add_payment,
    add_person,
    add_run,
    add_site,
    one,
    rows,
    up_batch,
)

DRIVER = "driver-1"


@pytest.fixture
def service(db: Engine) -> Service:
    with db.begin() as conn:
        add_site(conn)
        add_person(conn)
    return Service(db)


@pytest.fixture
def run(service: Service) -> tuple[int, int]:
    with service.engine.begin() as conn:
        return add_run(conn)


@pytest.fixture
def order(service: Service, run: tuple[int, int]) -> list[str]:
    """A packed order of two parcels with its code."""
    with service.engine.begin() as conn:
        parcels = add_order(conn, "o1", run=run, parcels=["packed", "packed"])
        add_payment(conn, "o1")
        add_credential(conn, "o1", typed=True)
    return parcels


def tell(service: Service, *events: SiteEvent) -> list[str | None]:
    """Let the site tell these; returns the fault of each."""
    first = one(service.engine, "SELECT up_seq FROM gateway WHERE id = :id", id=GATEWAY) + 1
    service.hear(up_batch(list(events), first=first))
    query = "SELECT fault FROM site_event WHERE seq >= :first ORDER BY seq"
    return [fault for (fault,) in rows(service.engine, query, first=first)]


def loaded(parcel: str, door: int) -> ParcelLoaded:
    return ParcelLoaded(parcel, "o1", LOCKER, door, DRIVER)


def collected(parcel: str, door: int) -> ParcelCollected:
    return ParcelCollected(parcel, "o1", LOCKER, door)


def order_state(service: Service) -> str:
    return str(one(service.engine, "SELECT state FROM customer_order WHERE id = 'o1'"))


def parcel_rows(service: Service) -> list[tuple[object, ...]]:
    return rows(service.engine, "SELECT state, door FROM parcel WHERE order_id = 'o1' ORDER BY id")


def notices(service: Service) -> list[str]:
    return sorted(kind for (kind,) in rows(service.engine, "SELECT kind FROM notification"))


def test_a_loaded_parcel_lies_where_the_site_says(service: Service, order: list[str]) -> None:
    assert tell(service, loaded(order[0], 4)) == [None]
    assert parcel_rows(service) == [("loaded", 4), ("packed", None)]
    assert one(service.engine, "SELECT loaded_at FROM parcel WHERE door = 4") == START
    assert order_state(service) == "packed"
    assert notices(service) == []


def test_an_order_is_ready_with_its_last_parcel_and_its_owner_is_told_once(service: Service, order: list[str]) -> None:
    tell(service, loaded(order[0], 4), loaded(order[1], 2))
    assert order_state(service) == "ready"
    assert notices(service) == ["order_ready"]


def test_a_loaded_bag_that_nobody_marked_as_packed_counts_as_packed_and_the_order_gets_its_code(
    service: Service, order: list[str]
) -> None:
    with service.engine.begin() as conn:
        conn.execute(text("UPDATE parcel SET state = 'planned', packed_at = NULL WHERE id = :id"), {"id": order[1]})
        conn.execute(text("UPDATE customer_order SET state = 'paid'"))
        conn.execute(text("DELETE FROM credential"))
    assert tell(service, loaded(order[0], 4), loaded(order[1], 2)) == [None, None]
    assert parcel_rows(service) == [("loaded", 4), ("loaded", 2)]
    assert order_state(service) == "ready"
    assert one(service.engine, "SELECT count(*) FROM credential WHERE ended_at IS NULL") == 1


def test_cancelled_parcels_are_not_waited_for(service: Service, order: list[str]) -> None:
    with service.engine.begin() as conn:
        conn.execute(text("UPDATE parcel SET state = 'cancelled' WHERE id = :id"), {"id": order[1]})
    tell(service, loaded(order[0], 4))
    assert order_state(service) == "ready"


def test_an_order_is_collected_with_its_last_parcel_its_code_ends_and_the_money_is_earned(
    service: Service, order: list[str]
) -> None:
    tell(service, loaded(order[0], 4), loaded(order[1], 2))
    service.clock.pass_ms(3_600_000)
    assert tell(service, collected(order[0], 4)) == [None]
    assert order_state(service) == "ready"
    assert tell(service, collected(order[1], 2)) == [None]
    assert order_state(service) == "collected"
    assert one(service.engine, "SELECT ended_at IS NOT NULL FROM credential") is True
    assert notices(service) == ["order_collected", "order_ready"]
    ledger = "SELECT account, amount_minor FROM ledger_entry WHERE kind = 'sale' ORDER BY amount_minor DESC"
    assert rows(service.engine, ledger) == [("customer_held", 1_000), ("sales", -1_000)]


def test_every_move_is_in_the_history_with_the_gateway_as_its_actor(service: Service, order: list[str]) -> None:
    tell(service, loaded(order[0], 4), loaded(order[1], 2), collected(order[0], 4), collected(order[1], 2))
    moves = rows(service.engine, "SELECT subject, to_state FROM history WHERE actor = 'gateway:gw-test' ORDER BY id")
    assert moves.count(("parcel", "loaded")) == 2
    assert moves.count(("parcel", "collected")) == 2
    assert [state for subject, state in moves if subject == "order"] == ["ready", "collected"]


@pytest.mark.parametrize("repeat", ["loaded", "collected"])
def test_a_move_told_twice_is_refused_and_changes_nothing(service: Service, order: list[str], repeat: str) -> None:
    tell(service, loaded(order[0], 4))
    again = loaded(order[0], 3) if repeat == "loaded" else collected(order[1], 3)
    before = parcel_rows(service)
    assert tell(service, again) == ["illegal_move"]
    assert parcel_rows(service) == before
    assert order_state(service) == "packed"


def test_a_refused_event_takes_nothing_from_the_next(service: Service, order: list[str]) -> None:
    assert tell(service, collected(order[0], 4), loaded(order[0], 4), DoorWasOpened(LOCKER, 1)) == [
        "illegal_move",
        None,
        None,
    ]
    assert parcel_rows(service)[0] == ("loaded", 4)


def test_a_parcel_loaded_before_its_site_heard_of_the_refund_lies_there_and_is_handed_to_nobody(
    service: Service, order: list[str]
) -> None:
    with service.engine.begin() as conn:
        conn.execute(text("UPDATE parcel SET state = 'cancelled'"))
        conn.execute(text("UPDATE customer_order SET state = 'refunded'"))
    assert tell(service, loaded(order[0], 4)) == [None]
    assert parcel_rows(service)[0] == ("loaded", 4)
    assert tell(service, collected(order[0], 4)) == ["illegal_move"]
    assert parcel_rows(service)[0] == ("loaded", 4)
    assert (order_state(service), notices(service)) == ("refunded", [])
    assert tell(service, ParcelRemoved(order[0], "o1", LOCKER, 4, Right.REMOVE, DRIVER)) == [None]
    assert parcel_rows(service)[0] == ("returned", 4)
    assert order_state(service) == "refunded"


def test_parcels_and_orders_of_elsewhere_are_unknown(service: Service, order: list[str], run: tuple[int, int]) -> None:
    with service.engine.begin() as conn:
        add_site(conn, site="site-b", gateway="gw-b", locker="locker-b", site_no=2)
        (other,) = add_order(conn, "o2", run=run)
        conn.execute(text("UPDATE customer_order SET site_id = 'site-b' WHERE id = 'o2'"))
    foreign = ParcelLoaded(other, "o2", LOCKER, 1, DRIVER)
    swapped = ParcelLoaded(other, "o1", LOCKER, 1, DRIVER)
    assert tell(service, loaded("nobody", 1), foreign, swapped) == ["unknown_parcel"] * 3
    assert one(service.engine, "SELECT count(*) FROM parcel WHERE state = 'loaded'") == 0
    assert order_state(service) == "packed"


def test_what_the_tables_refuse_is_stored_with_that_fault(service: Service, order: list[str]) -> None:
    with service.engine.begin() as conn:
        conn.execute(text("ALTER TABLE parcel ADD CONSTRAINT test_only CHECK (door IS DISTINCT FROM 4)"))
    try:
        assert tell(service, loaded(order[0], 4), loaded(order[1], 2)) == ["refused_by_tables", None]
    finally:
        with service.engine.begin() as conn:
            conn.execute(text("ALTER TABLE parcel DROP CONSTRAINT test_only"))
    assert parcel_rows(service) == [("packed", None), ("loaded", 2)]


def test_an_opened_door_is_shown_open_and_its_parcel_as_opened(service: Service, order: list[str]) -> None:
    tell(service, loaded(order[0], 4), DoorWasOpened(LOCKER, 4, "grant", "o1"))
    assert one(service.engine, "SELECT door_state FROM compartment WHERE door = 4") == "open"
    assert one(service.engine, "SELECT opened_at FROM parcel WHERE door = 4") == START
    tell(service, DoorWasShut(LOCKER, 4, "o1"))
    assert one(service.engine, "SELECT door_state FROM compartment WHERE door = 4") == "shut"


def test_a_door_of_another_locker_is_not_touched(service: Service) -> None:
    tell(service, DoorWasOpened("locker-b", 1))
    assert one(service.engine, "SELECT door_state FROM compartment WHERE door = 1") == "unknown"
    assert one(service.engine, "SELECT sum(openings) FROM compartment") == 0


def test_openings_are_counted_door_by_door_to_wear_them_alike(service: Service) -> None:
    for event in (DoorWasOpened(LOCKER, 4), DoorWasShut(LOCKER, 4), DoorWasOpened(LOCKER, 4), DoorWasOpened(LOCKER, 2)):
        tell(service, event)
    assert rows(service.engine, "SELECT door, openings FROM compartment WHERE openings > 0 ORDER BY door") == [
        (2, 1),
        (4, 2),
    ]


def test_a_grant_is_kept_under_its_order(service: Service, order: list[str]) -> None:
    grant = UnlockGranted("g1", LOCKER, [4], "o1", Right.COLLECT, Via.SCANNER, order_id="o1")
    assert tell(service, grant) == [None]
    assert rows(service.engine, "SELECT type, order_id, body->>'grant_id' FROM site_event") == [
        ("UnlockGranted", "o1", "g1")
    ]


def test_a_silent_controller_has_doors_nobody_knows_and_one_that_came_up_is_there(service: Service) -> None:
    with service.engine.begin() as conn:
        conn.execute(text("UPDATE locker SET online = true"))
        conn.execute(text("UPDATE compartment SET door_state = 'shut'"))
    tell(service, ControllerWentSilent(LOCKER))
    assert one(service.engine, "SELECT online FROM locker") is False
    assert rows(service.engine, "SELECT DISTINCT door_state FROM compartment") == [("unknown",)]
    tell(service, ControllerCameUp(LOCKER, "b", "power_on", "1"))
    assert one(service.engine, "SELECT online FROM locker") is True


def test_what_is_wrong_with_a_door_stays_until_that_very_thing_is_over(service: Service) -> None:
    found = DoorTroubleFound(LOCKER, 1, DoorTrouble.MISWIRED, 2)
    assert tell(service, found, DoorTroubleEnded(LOCKER, 1, DoorTrouble.JAMMED)) == [None, None]
    wrong = "SELECT door, trouble, trouble_door FROM compartment WHERE trouble IS NOT NULL"
    assert rows(service.engine, wrong) == [(1, "miswired", 2)]
    tell(service, DoorTroubleEnded(LOCKER, 1, DoorTrouble.MISWIRED))
    assert rows(service.engine, wrong) == []


def test_what_a_gateway_could_not_read_of_its_locker_is_kept(service: Service) -> None:
    assert tell(service, ControllerEventRefused(LOCKER, "unknown_type", "DoorKnocked", 3)) == [None]
    kept = "SELECT type, body->>'kind', body->>'times', fault FROM site_event"
    assert rows(service.engine, kept) == [("ControllerEventRefused", "DoorKnocked", "3", None)]


def test_a_silence_long_past_does_not_undo_what_was_heard_since(service: Service) -> None:
    with service.engine.begin() as conn:
        conn.execute(text("UPDATE locker SET online = true, heard_at = :at"), {"at": START + timedelta(minutes=5)})
    service.clock.pass_ms(600_000)
    tell(service, ControllerWentSilent(LOCKER))
    assert one(service.engine, "SELECT online FROM locker") is True


def test_listeners_hear_of_the_order_and_its_site_after_the_commit(service: Service, order: list[str]) -> None:

    url = plain_url(service.engine.url.render_as_string(hide_password=False))
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute("LISTEN caibox")
        tell(service, DoorLeftOpen(LOCKER, 1, 30, "o1"))
        heard = {notice.payload for notice in listener.notifies(timeout=1, stop_after=2)}
    assert heard == {"order:o1", f"site:{SITE}"}
