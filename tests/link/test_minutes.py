"""Minutes of temperature: each lands where it belongs, whatever comes twice, late, in the wrong order or not true."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.engine import transaction
from app.link.mqtt_client import Message
from app.use_cases.cold_chain.thin_minutes import thin_minutes
from locker_protocol.signing import Direction, seal
from locker_protocol.telemetry import MinutesApplied, MinutesKept, SensorFault, ZoneMinute, ZoneMinutes
from locker_protocol.topics import uplink_topic
from locker_protocol.vocabulary import Zone
from tests.link.world import GATEWAY, GATEWAY_KEY, LOCKER, SHARD, START, Service, add_site, one, rows, sealed

NOW = int(START.timestamp()) // 60  # the first minute of an hour
EVERYTHING = """
    SELECT samples, air_min, air_mean, air_max, product_min, product_mean, product_max, open_s, cooling_s, defrost_s,
        air_fault, product_fault FROM zone_hour
"""


def minute(no: int, c: float | None = 3.0, **more: Any) -> ZoneMinute:
    centi = None if c is None else round(c * 100)
    samples = 0 if c is None else 6
    return ZoneMinute(no, samples, centi, centi, centi, centi, centi, centi, **more)


def kept(*minutes: ZoneMinute, after: int = 0, through: int | None = None, **more: Any) -> MinutesKept:
    zones = more.pop("zones", None) or [ZoneMinutes(Zone.CHILLED, list(minutes))]
    last = minutes[-1].minute if minutes else after
    return MinutesKept(more.pop("controller", LOCKER), after, last if through is None else through, zones, **more)


def means(service: Service) -> dict[Any, list[int | None]]:
    found = rows(service.engine, "SELECT hour, product_mean FROM zone_hour ORDER BY hour")
    return dict(found)


def known(service: Service) -> dict[int, int]:
    """What is known, by minutes before START."""
    return {
        int((START - hour).total_seconds()) // 60 - at: value
        for hour, values in means(service).items()
        for at, value in enumerate(values)
        if value is not None
    }


def answers(service: Service) -> list[int]:
    return [each.through for each in service.said(MinutesApplied)]


def refused(service: Service) -> list[str]:
    return [reason for (reason,) in rows(service.engine, "SELECT reason FROM rejected_message ORDER BY id")]


def through(service: Service) -> int:
    return int(one(service.engine, "SELECT minutes_through FROM locker WHERE id = :id", id=LOCKER))


def test_minutes_land_in_the_hours_they_are_of_and_are_answered(service: Service) -> None:
    service.hear(kept(*[minute(NOW - each) for each in range(70, 0, -1)]))

    assert known(service) == dict.fromkeys(range(1, 71), 300)
    assert answers(service) == [NOW - 1] == [through(service)]


def test_everything_a_minute_tells_is_kept(service: Service) -> None:
    told = ZoneMinute(NOW - 2, 5, -100, 0, 100, 210, 220, 230, 12, 30, 7, SensorFault.NOISY, None)
    service.hear(kept(told))

    (row,) = rows(service.engine, EVERYTHING)
    assert [each[58] for each in row] == [5, -100, 0, 100, 210, 220, 230, 12, 30, 7, "noisy", None]
    assert [{*each[:58], *each[59:]} for each in row] == [{None}] * 12


def test_a_batch_that_comes_twice_writes_the_same_again(service: Service) -> None:
    batch = kept(minute(NOW - 3), minute(NOW - 2))
    service.hear(batch)
    before = means(service)
    service.hear(batch)

    assert means(service) == before
    assert answers(service) == [NOW - 2, NOW - 2]


def test_late_minutes_fill_a_gap_and_take_nothing_that_was_told(service: Service) -> None:
    service.hear(kept(minute(NOW - 5), minute(NOW - 2)))
    service.hear(kept(minute(NOW - 4, 9.0), minute(NOW - 3, None), after=NOW - 5, through=NOW - 2))

    assert known(service) == {5: 300, 4: 900, 2: 300}
    assert through(service) == NOW - 2


def test_a_minute_told_again_replaces_what_was_told_of_it(service: Service) -> None:
    service.hear(kept(minute(NOW - 2, 3.0, product_fault=SensorFault.STUCK)))
    service.hear(kept(minute(NOW - 2, 4.0)))

    assert known(service) == {2: 400}
    assert one(service.engine, "SELECT product_fault[59] FROM zone_hour") is None


def test_a_batch_that_leaves_minutes_out_is_answered_with_how_far_we_are(service: Service) -> None:
    service.hear(kept(minute(NOW - 9)))
    service.hear(kept(minute(NOW - 2), after=NOW - 3))

    assert known(service) == {9: 300}
    assert answers(service) == [NOW - 9, NOW - 9]
    assert refused(service) == []


def test_a_batch_without_minutes_moves_on_over_the_gap(service: Service) -> None:
    service.hear(kept(after=0, through=NOW - 2))

    assert (answers(service), through(service), means(service)) == ([NOW - 2], NOW - 2, {})


def test_minutes_of_the_future_are_refused_and_not_answered(service: Service) -> None:
    service.hear(kept(minute(NOW - 1), minute(NOW + 30)))

    assert (answers(service), means(service), through(service)) == ([], {}, 0)
    assert len(refused(service)) == 1


def half(no: int) -> ZoneMinute:
    return ZoneMinute(no, 6, 300, None, 300, 300, 300, 300)


@pytest.mark.parametrize(
    "batch",
    [
        kept(minute(NOW - 3), minute(NOW - 2, 80.0)),
        kept(minute(NOW - 3), minute(NOW - 2, -60.0)),
        kept(minute(NOW - 3), ZoneMinute(NOW - 2, 6, 300, 300, 300, 400, 300, 300)),
        kept(minute(NOW - 3), half(NOW - 2)),
        kept(minute(NOW - 3), ZoneMinute(NOW - 2, 40_000, 300, 300, 300, 300, 300, 300)),
        kept(minute(NOW - 2), minute(NOW - 3)),
        kept(minute(NOW - 3), minute(NOW - 3), through=NOW - 2),
        kept(minute(NOW - 2), through=NOW - 3),
        kept(zones=[ZoneMinutes(Zone.CHILLED, [minute(NOW - 3)]), ZoneMinutes(Zone.FROZEN, [])], through=NOW - 2),
        kept(zones=[ZoneMinutes(Zone.CHILLED, [minute(NOW - 3)])] * 2, through=NOW - 2),
    ],
    ids=["hot", "cold", "crossed", "half", "samples", "backwards", "twice", "beyond", "another_zone", "zone_twice"],
)
def test_a_batch_that_cannot_be_true_is_kept_as_refused_and_writes_nothing(
    service: Service, batch: MinutesKept
) -> None:
    service.hear(batch)

    assert means(service) == {}
    assert len(refused(service)) == 1
    # It would come again for ever: what it covers stays unknown.
    assert answers(service) == [batch.through] == [through(service)]


def test_a_batch_that_ends_before_it_begins_moves_nothing(service: Service) -> None:
    service.hear(kept(after=0, through=NOW - 2))
    service.hear(kept(after=NOW - 2, through=NOW - 9))

    assert (len(refused(service)), through(service)) == (1, NOW - 2)


def test_nobody_tells_of_another_sites_locker(service: Service) -> None:
    with service.engine.begin() as conn:
        add_site(conn, site="other", site_no=2, locker="other-locker", gateway="gw-other")
    service.hear(kept(minute(NOW - 2), controller="other-locker"))
    service.hear(kept(minute(NOW - 2), controller="nowhere"))

    assert (answers(service), means(service)) == ([], {})
    assert len(refused(service)) == 2


@pytest.mark.parametrize("word", ["NaN", "Infinity", "1e999", "3.5", '"warm"', "99999999999"])
def test_what_is_no_number_of_ours_is_refused_before_it_is_read(service: Service, word: str) -> None:
    frame = sealed_text(f'{{"type":"MinutesKept","controller":"{LOCKER}","after":0,"through":{NOW - 2},"zones":'
                        f'[{{"zone":"chilled","minutes":[[{NOW - 2},6,300,300,300,{word},300,300]]}}]}}')  # fmt: skip
    service.intake.handle(Message(uplink_topic(SHARD, GATEWAY, "up"), frame))

    assert (answers(service), means(service)) == ([], {})
    assert len(refused(service)) == 1


def test_what_is_older_than_ninety_days_is_taken_no_more(service: Service) -> None:
    service.hear(kept(minute(NOW - 91 * 1_440), minute(NOW - 2)))

    assert known(service) == {2: 300}


def test_one_batch_the_tables_refuse_does_not_stop_the_others(service: Service) -> None:
    with service.engine.begin() as conn:
        add_site(conn, site="other", site_no=2, locker="other-locker", gateway="gw-other")
    bad = kept(minute(NOW - 2), energy_wh=2**53 - 1)
    with service.engine.begin() as conn:  # a meter the table takes for one that ran back
        conn.exec_driver_sql("ALTER TABLE cabinet_energy ADD CONSTRAINT small CHECK (last_wh < 1000)")
    try:
        for batch, gateway in ((bad, GATEWAY), (kept(minute(NOW - 2), controller="other-locker"), "gw-other")):
            service.intake.take(Message(uplink_topic(SHARD, gateway, "up"), sealed(batch, gateway)))
        service.intake.keep_minutes()
    finally:
        with service.engine.begin() as conn:
            conn.exec_driver_sql("ALTER TABLE cabinet_energy DROP CONSTRAINT small")

    assert rows(service.engine, "SELECT locker_id FROM zone_hour") == [("other-locker",)]
    assert len(refused(service)) == 1


def test_two_batches_of_one_controller_in_one_turn_are_both_written(service: Service) -> None:
    for batch in (kept(minute(NOW - 3)), kept(minute(NOW - 2, 4.0), after=NOW - 3)):
        service.intake.take(Message(uplink_topic(SHARD, GATEWAY, "up"), sealed(batch)))
    service.intake.keep_minutes()

    assert known(service) == {3: 300, 2: 400}
    assert answers(service) == [NOW - 3, NOW - 2]


def test_a_cabinets_meter_is_read_by_days_of_its_site(service: Service) -> None:
    midnight = NOW + 8 * 60  # 16:00 UTC, when the day ends in Shanghai
    service.clock.civil = START + timedelta(hours=9)
    for at, wh in ((midnight - 60, 1_000), (midnight - 1, 1_400), (midnight, 1_410), (midnight + 5, 900)):
        service.hear(kept(minute(at), energy_wh=wh))

    found = rows(service.engine, "SELECT day::text, first_wh, last_wh FROM cabinet_energy ORDER BY day")
    assert found == [("2026-11-20", 1_000, 1_400), ("2026-11-21", 1_410, 1_410)]


def sealed_text(body: str) -> bytes:
    return seal(body.encode(), direction=Direction.UP, gateway=GATEWAY, key_id=1, key=GATEWAY_KEY)


def thin(service: Service, *, days: int) -> int:
    with transaction(service.engine) as conn:
        return thin_minutes(conn, now=START + timedelta(days=days))


def test_after_ninety_days_minutes_are_quarters_and_what_was_unknown_stays_so(service: Service) -> None:
    first = NOW - 60
    told = [minute(first, 2.0, open_s=20), ZoneMinute(first + 1, 2, 100, 100, 500, 100, 100, 500, 5)]
    told += [minute(first + 15, None, product_fault=SensorFault.STUCK), minute(first + 59, -1.0)]
    service.hear(kept(*told))

    assert thin(service, days=89) == 0
    assert thin(service, days=91) == 1
    assert thin(service, days=91) == 0
    (row,) = rows(
        service.engine,
        "SELECT samples, product_min, product_mean, product_max, open_s, product_fault, air_fault FROM zone_hour",
    )
    assert row == (
        [8, 0, None, 6],
        [100, None, None, -100],
        [175, None, None, -100],  # six samples of 2.00 and two of 1.00
        [500, None, None, -100],
        [25, 0, None, 0],
        [None, "stuck", None, None],
        [None] * 4,
    )


def test_after_two_years_they_are_gone(service: Service) -> None:
    service.hear(kept(minute(NOW - 2)))
    thin(service, days=91)

    assert thin(service, days=729) == 0
    assert thin(service, days=731) == 1
    assert means(service) == {}
