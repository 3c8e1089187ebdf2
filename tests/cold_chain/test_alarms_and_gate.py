"""When people are told of a zone, and when it may be loaded."""

import msgspec
import pytest

from locker_protocol.cold_chain.alarms import AlarmMove, ZoneWatch, watch_zone
from locker_protocol.cold_chain.bounds import bounds_of
from locker_protocol.cold_chain.gate import judge_zone_gate
from locker_protocol.cold_chain.policy import DEFAULT_POLICY, AirWarning
from locker_protocol.telemetry import SensorFault, ZoneMinute
from locker_protocol.vocabulary import Zone, ZoneAlarm

BOUNDS = bounds_of(DEFAULT_POLICY, Zone.CHILLED, ())


def air(minute: int, air_c: float, *, product_c: float = 3.0, open_s: int = 0, defrost_s: int = 0) -> ZoneMinute:
    told, product = round(air_c * 100), round(product_c * 100)
    return ZoneMinute(minute, 6, told, told, told, product, product, product, open_s, 0, defrost_s)


class Watched:
    """A chilled zone, minute by minute."""

    def __init__(self) -> None:
        self.state = ZoneWatch()
        self.now = 0

    def goes_on(
        self, minutes: int, air_c: float | None = 3.0, *, open_s: int = 0, defrost_s: int = 0, loaded: bool = False
    ) -> list[tuple[int, ZoneAlarm, bool]]:
        """Give what was found and ended, by how many minutes of this stretch had passed."""
        moves = []
        for passed in range(1, minutes + 1):
            told = None if air_c is None else air(self.now, air_c, open_s=open_s, defrost_s=defrost_s)
            moves += [(passed, move.alarm, move.found) for move in self.sees(told, loaded=loaded)]
        return moves

    def sees(self, minute: ZoneMinute | None, *, loaded: bool = False) -> list[AlarmMove]:
        self.now += 1
        return watch_zone(self.state, self.now - 1, minute, bounds=BOUNDS, policy=DEFAULT_POLICY, loaded=loaded)


def test_a_zone_is_bounded_by_the_strictest_class_at_home_in_it_or_by_its_usual_one() -> None:
    assert AirWarning(5, None, 600) == BOUNDS
    assert bounds_of(DEFAULT_POLICY, Zone.CHILLED, ["chilled_quality", "chilled_strict"]) == AirWarning(4, None, 600)
    assert bounds_of(DEFAULT_POLICY, Zone.CHILLED, ["chilled_quality"]) == AirWarning(8, None, 1800)


def test_goods_that_stand_in_another_zone_for_some_hours_set_no_bounds_for_it() -> None:
    assert bounds_of(DEFAULT_POLICY, Zone.CHILLED, ["cool_sensitive"]) == BOUNDS
    assert bounds_of(DEFAULT_POLICY, Zone.COOL, ["chilled_quality"]) == AirWarning(18, 8, 1800)


def test_a_class_without_a_warning_is_bounded_by_its_quarantine_line() -> None:
    assert bounds_of(DEFAULT_POLICY, Zone.AMBIENT, ()) == AirWarning(35, None, 7200)


def test_warm_air_is_told_after_ten_minutes_and_is_over_after_ten_good_ones() -> None:
    zone = Watched()
    assert zone.goes_on(60, 5.0) == []
    assert zone.goes_on(20, 5.1) == [(10, ZoneAlarm.TOO_WARM, True)]
    assert zone.goes_on(20, 5.0) == [(10, ZoneAlarm.TOO_WARM, False)]


def test_an_opening_excuses_ten_minutes_and_a_door_left_open_no_more_than_that() -> None:
    zone = Watched()
    assert zone.goes_on(1, 7.0, open_s=20) == []
    assert zone.goes_on(18, 7.0) == []
    assert zone.goes_on(1, 7.0) == [(1, ZoneAlarm.TOO_WARM, True)]
    assert Watched().goes_on(60, 7.0, open_s=60) == [(20, ZoneAlarm.TOO_WARM, True)]


def test_a_load_excuses_half_an_hour() -> None:
    zone = Watched()
    zone.goes_on(1, 7.0, loaded=True)
    assert zone.goes_on(60, 7.0) == [(39, ZoneAlarm.TOO_WARM, True)]


def test_a_defrost_excuses_what_it_warms_until_three_quarters_of_an_hour_are_over() -> None:
    zone = Watched()
    assert zone.goes_on(25, 9.0, defrost_s=60) == []
    assert zone.goes_on(30, 9.0) == [(30, ZoneAlarm.TOO_WARM, True)]


def test_a_defrost_soon_after_another_excuses_nothing() -> None:
    zone = Watched()
    zone.goes_on(25, defrost_s=60)
    zone.goes_on(60)
    assert zone.goes_on(15, 9.0, defrost_s=60) == [(10, ZoneAlarm.TOO_WARM, True)]


def test_a_defrost_that_lasts_too_long_or_is_not_followed_by_cold_is_told() -> None:
    assert (46, ZoneAlarm.DEFROST, True) in Watched().goes_on(50, 9.0, defrost_s=60)
    zone = Watched()
    zone.goes_on(25, 9.0, defrost_s=60)
    assert (36, ZoneAlarm.DEFROST, True) in zone.goes_on(40, 9.0)
    assert (1, ZoneAlarm.DEFROST, False) in zone.goes_on(5)


def test_a_fifth_defrost_in_a_day_is_told() -> None:
    zone = Watched()
    for _ in range(4):
        assert zone.goes_on(20, defrost_s=60) == []
        assert zone.goes_on(260) == []
    assert zone.goes_on(20, defrost_s=60) == [(1, ZoneAlarm.DEFROST, True)]


def test_a_quarter_of_an_hour_without_a_value_is_told_even_where_one_comes_now_and_then() -> None:
    zone = Watched()
    assert zone.goes_on(20, None) == [(15, ZoneAlarm.UNMEASURED, True)]
    assert zone.goes_on(20) == [(15, ZoneAlarm.UNMEASURED, False)]
    moves = [move for _ in range(5) for stretch in ((4, None), (1, 3.0)) for move in zone.goes_on(*stretch)]
    assert [alarm for _, alarm, _ in moves] == [ZoneAlarm.UNMEASURED]


def test_a_probe_not_believed_for_five_minutes_is_told_by_its_fault() -> None:
    zone = Watched()
    faulty = msgspec.structs.replace(air(0, 3.0), product_max=None, product_fault=SensorFault.STUCK)
    assert [move for _ in range(4) for move in zone.sees(faulty)] == []
    assert zone.sees(faulty) == [AlarmMove(ZoneAlarm.SENSOR, found=True, probe="product", fault=SensorFault.STUCK)]
    assert zone.sees(air(5, 3.0)) == [AlarmMove(ZoneAlarm.SENSOR, found=False)]


def test_what_is_remembered_of_a_zone_survives_being_written_down() -> None:
    zone = Watched()
    zone.goes_on(12, 9.0, defrost_s=60)
    assert msgspec.json.decode(msgspec.json.encode(zone.state), type=ZoneWatch) == zone.state


def refusal(minutes: list[ZoneMinute], *, age_s: int = 60, open_quarantine: bool = False) -> str | None:
    newest_ms = 100 * 60_000
    return judge_zone_gate(
        minutes,
        newest_ms=newest_ms,
        now_ms=newest_ms + age_s * 1000,
        bounds=BOUNDS,
        open_quarantine=open_quarantine,
    )


COLD = [air(minute, 9.0, product_c=5.0) for minute in range(90, 100)]


def test_a_zone_whose_food_probe_was_cold_for_ten_minutes_is_loaded() -> None:
    assert refusal(COLD) is None
    assert refusal(COLD, age_s=120) is None


@pytest.mark.parametrize(
    ("minutes", "age_s", "code"),
    [
        (COLD[1:], 60, "zone_unmeasured"),
        (COLD, 121, "zone_unmeasured"),
        (COLD, -121, "zone_unmeasured"),
        ([COLD[0], *COLD[2:], air(101, 3.0)], 60, "zone_unmeasured"),
        ([*COLD[:9], msgspec.structs.replace(COLD[9], product_min=None, product_max=None)], 60, "zone_unmeasured"),
        ([air(90, 3.0, product_c=5.1), *COLD[1:]], 60, "zone_too_warm"),
    ],
)
def test_a_zone_is_not_loaded_while_it_is_warm_or_nobody_knows(
    minutes: list[ZoneMinute], age_s: int, code: str
) -> None:
    assert refusal(minutes, age_s=age_s) == code


def test_a_zone_with_something_kept_closed_is_not_loaded() -> None:
    assert refusal(COLD, open_quarantine=True) == "zone_quarantined"
    assert judge_zone_gate(COLD, newest_ms=None, now_ms=0, bounds=BOUNDS, open_quarantine=False) == "zone_unmeasured"
