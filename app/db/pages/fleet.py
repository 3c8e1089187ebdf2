"""What an operator of many lockers reads at a glance: all lockers, what is wrong, whose food lies there. Reads only.

A handful of statements however many lockers there are; doors and temperatures that are as they should be are not read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.open_alarms import answers
from app.domain.fleet import (
    OPEN_TOLD_AFTER,
    REFUSALS_TOLD,
    REFUSALS_WITHIN,
    STALE_AFTER,
    Fact,
    FleetLine,
    Lying,
    Owner,
    Standing,
    Wrong,
    fleet_lines,
    standings,
)
from locker_protocol.token import SKEW_S

# Half of what a code allows for clocks that differ: nobody is refused for it yet.
AHEAD_TOLD_S = SKEW_S // 2

LOCKERS = text("""
    SELECT l.id, l.site_id, l.name_zh, l.name_en, s.name_zh AS site_zh, s.name_en AS site_en, s.timezone, l.heard_at
    FROM locker l JOIN site s ON s.id = l.site_id ORDER BY s.site_no, l.position, l.id
""")
# Of a site or locker that is silent, what was told of its food still stands; what its doors do now is not known.
FACTS = text("""
    WITH speaking AS (
        SELECT l.id, l.site_id FROM locker l JOIN gateway g ON g.site_id = l.site_id WHERE g.online AND l.online
    )
    SELECT 'site_silent' AS cause, l.site_id, g.heard_at AS since, l.id AS locker_id, CAST(NULL AS text) AS zone,
        CAST(NULL AS smallint) AS door, CAST(NULL AS smallint) AS other_door, CAST(NULL AS text) AS order_id, 1 AS count
    FROM gateway g JOIN locker l ON l.site_id = g.site_id WHERE NOT g.online
    UNION ALL
    SELECT 'locker_silent', l.site_id, l.heard_at, l.id, NULL, NULL, NULL, NULL, 1
    FROM locker l JOIN gateway g ON g.site_id = l.site_id WHERE g.online AND NOT l.online
    UNION ALL
    SELECT alarm, site_id, found_at, locker_id, zone, NULL, NULL, NULL, 1 FROM zone_alarm WHERE ended_at IS NULL
    UNION ALL
    SELECT 'quarantined', site_id, found_at, locker_id, NULL, door, NULL, order_id, 1
    FROM quarantine WHERE state = 'open'
    UNION ALL
    SELECT c.trouble, c.site_id, c.trouble_at, c.locker_id, NULL, c.door, c.trouble_door, NULL, 1
    FROM compartment c JOIN speaking ON speaking.id = c.locker_id WHERE c.trouble IS NOT NULL
    UNION ALL
    SELECT 'left_open', c.site_id, c.door_changed_at, c.locker_id, NULL, c.door, NULL, NULL, 1
    FROM compartment c JOIN speaking ON speaking.id = c.locker_id
    WHERE c.door_state = 'open' AND c.trouble IS DISTINCT FROM 'reads_open'
        AND (c.door_changed_at IS NULL OR c.door_changed_at <= :open_since)
    UNION ALL
    SELECT 'unmeasured', speaking.site_id, z.read_at, z.locker_id, z.zone, NULL, NULL, NULL, 1
    FROM zone_reading z JOIN speaking ON speaking.id = z.locker_id
    WHERE z.read_at < :stale_since AND NOT EXISTS (
        SELECT FROM zone_alarm a WHERE a.locker_id = z.locker_id AND a.zone = z.zone AND a.alarm = 'unmeasured'
            AND a.ended_at IS NULL
    )
    UNION ALL
    SELECT 'clock_ahead', site_id, NULL, NULL, NULL, NULL, NULL, NULL, CAST(ahead_s / 60 AS integer)
    FROM gateway WHERE online AND ahead_s > :ahead_s
    UNION ALL
    SELECT 'refusals', g.site_id, r.since, NULL, NULL, NULL, NULL, NULL, CAST(r.times AS integer)
    FROM gateway g CROSS JOIN LATERAL (
        SELECT count(*) AS times, min(e.at) AS since FROM site_event e
        WHERE e.gateway_id = g.id AND e.at > :refused_since AND e.type = 'AccessRefused'
    ) r WHERE g.online AND r.times >= :refusals
""")
LYING = text("""
    SELECT o.site_id, c.locker_id, c.zone, c.door, o.id AS order_id, o.total_minor AS minor, o.currency
    FROM parcel p JOIN customer_order o ON o.id = p.order_id
    JOIN compartment c ON c.site_id = o.site_id AND c.door = p.door
    WHERE p.state = 'loaded' AND o.site_id = ANY (CAST(:sites AS text[]))
""")
KEEPERS = text("""
    SELECT DISTINCT ON (site_id) id, site_id, coalesce(nullif(display_name, ''), role) AS name, phone FROM person
    WHERE role = 'keeper' AND site_id = ANY (CAST(:sites AS text[])) AND erased_at IS NULL
    ORDER BY site_id, staff_no, id
""")


@dataclass(frozen=True)
class FleetNow:
    """All lockers in the order of their sites, how each stands, and what is wrong, worst first."""

    lockers: Sequence[Row[Any]]
    facts: Sequence[Fact]
    lying: Sequence[Lying]
    owners: Mapping[tuple[Wrong, str], Owner]
    keepers: Mapping[str, Row[Any]]

    @cached_property
    def standing(self) -> Mapping[str, Standing]:
        """How each locker stands."""
        silenced = frozenset(place for place, owner in self.owners.items() if owner.until is not None)
        return standings(((row.id, row.site_id) for row in self.lockers), self.facts, silenced)

    @cached_property
    def lines(self) -> Sequence[FleetLine]:
        """What is wrong, the worst first."""
        by_keeper = {site_id: Owner(row.name) for site_id, row in self.keepers.items()}
        return fleet_lines(self.facts, self.lying, self.owners, by_keeper)

    def narrowed(self, locker_id: str, door: int | None = None) -> "FleetNow":
        """With what concerns one locker, or one of its doors: what concerns all of its site too."""
        facts = [
            fact
            for fact in self.facts
            if fact.locker_id in {None, locker_id} and (door is None or fact.door in {None, door, fact.other_door})
        ]
        lying = [each for each in self.lying if each.locker_id == locker_id and door in {None, each.door}]
        return replace(self, facts=facts, lying=lying)

    @property
    def by_id(self) -> dict[str, Row[Any]]:
        """Lockers by their id."""
        return {row.id: row for row in self.lockers}

    @property
    def by_site(self) -> dict[str, list[Row[Any]]]:
        """Lockers by their site's id."""
        found: dict[str, list[Row[Any]]] = {}
        for row in self.lockers:
            found.setdefault(row.site_id, []).append(row)
        return found

    @property
    def heard_at(self) -> datetime | None:
        """When a locker was heard last; `None`: never."""
        return max((row.heard_at for row in self.lockers if row.heard_at is not None), default=None)


def fleet_now(conn: Connection, *, now: datetime, rate: float) -> FleetNow:
    """All of it. `rate` is how fast civil time runs: what lasts real seconds lasts so many more civil ones."""
    lockers = conn.execute(LOCKERS).all()
    facts = facts_now(conn, now=now, rate=rate)
    sites = sorted({fact.site_id for fact in facts})
    return _put_together(conn, lockers, facts, sites, now)


def site_now(conn: Connection, *, site_id: str, now: datetime, rate: float) -> FleetNow:
    """The same of one site."""
    lockers = [row for row in conn.execute(LOCKERS) if row.site_id == site_id]
    facts = [fact for fact in facts_now(conn, now=now, rate=rate) if fact.site_id == site_id]
    return _put_together(conn, lockers, facts, [site_id], now)


def facts_now(conn: Connection, *, now: datetime, rate: float) -> list[Fact]:
    """Everything that is wrong anywhere."""
    asked = {
        "open_since": now - OPEN_TOLD_AFTER * rate,
        "stale_since": now - STALE_AFTER * rate,
        "ahead_s": round(AHEAD_TOLD_S * rate),
        "refused_since": now - REFUSALS_WITHIN,
        "refusals": REFUSALS_TOLD,
    }
    return [
        Fact(cause=Wrong(row.pop("cause")), **row)
        for row in (dict(found) for found in conn.execute(FACTS, asked).mappings())
    ]


def _put_together(
    conn: Connection, lockers: Sequence[Row[Any]], facts: list[Fact], sites: Sequence[str], now: datetime
) -> FleetNow:
    owners: dict[tuple[Wrong, str], Owner] = {}
    newest = _newest(facts)
    for answer in answers(conn, now=now) if facts else ():
        place = (Wrong(answer.cause), answer.site_id)
        # That somebody saw it holds for what had begun by then, a silence until its end.
        if place in newest and (answer.until is not None or answer.at >= newest[place]):
            owners[place] = Owner(answer.by, answer.at, answer.until)
    asked = {"sites": list(sites)}
    lying = [Lying(**row) for row in conn.execute(LYING, asked).mappings()] if facts else []
    keepers = {row.site_id: row for row in conn.execute(KEEPERS, asked)} if sites else {}
    return FleetNow(lockers=lockers, facts=facts, lying=lying, owners=owners, keepers=keepers)


def _newest(facts: Sequence[Fact]) -> dict[tuple[Wrong, str], datetime]:
    found: dict[tuple[Wrong, str], datetime] = {}
    for fact in facts:
        if fact.since is not None:
            place = (fact.cause, fact.site_id)
            found[place] = max(found.get(place, fact.since), fact.since)
    return found
