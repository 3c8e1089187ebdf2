"""What the cold chain must keep at all times, as far as the service knows: its sites judge, and the simulation sees."""

from collections.abc import Iterator

from sqlalchemy import Connection

from app.use_cases.audit.rule import Moment, each


def nothing_is_handed_over_that_is_kept_shut(conn: Connection, moment: Moment) -> Iterator[str]:
    """I10: what was kept shut was collected before, or after it was decided that it may be; condemned food never.

    A grant that was made before stands for ten seconds.
    """
    yield from each(
        conn,
        "SELECT 'parcel ' || p.id || ' was handed over at ' || p.at || ', kept shut since ' || q.found_at"
        " FROM (SELECT id, CASE WHEN rescued_at IS NULL THEN least(opened_at, collected_at) ELSE collected_at END AS at"
        " FROM parcel WHERE state = 'collected') p JOIN quarantine q ON q.parcel_id = p.id"
        " WHERE p.at > q.found_at + interval '10 seconds'"
        " AND (q.state IN ('open', 'condemned') OR p.at < q.decided_at - CAST(:skew AS interval))",
        "SELECT 'quarantine ' || q.id || ' is over its time' FROM quarantine q JOIN parcel p ON p.id = q.parcel_id"
        " JOIN gateway g ON g.site_id = q.site_id WHERE q.state = 'open' AND q.reminded_at < :stuck_since"
        " AND p.state = 'loaded' AND g.online",
        "SELECT 'quarantine ' || id || ' released ' || array_to_string(kept, ',') || ' and condemned '"
        " || array_to_string(condemned, ',') FROM quarantine WHERE state = 'released' AND kept && condemned",
        moment=moment,
    )


def a_door_that_is_kept_shut_opens_for_staff_only(conn: Connection, moment: Moment) -> Iterator[str]:
    """I11: no grant to collect, to open again or to hand over while the parcel behind that door is kept shut."""
    yield from each(
        conn,
        "SELECT 'event ' || e.gateway_id || ':' || e.log_id || ':' || e.seq || ' opens door ' || q.door"
        " || ' by the right ' || (e.body->>'right') || ', kept shut since ' || q.found_at"
        " FROM quarantine q JOIN site_event e ON e.order_id = q.order_id JOIN gateway g ON g.id = e.gateway_id"
        " AND g.site_id = q.site_id WHERE e.type = 'UnlockGranted' AND e.fault IS NULL"
        " AND e.body->>'right' IN ('collect', 'reopen', 'hand_over') AND e.body->'doors' @> to_jsonb(q.door)"
        " AND e.at > q.found_at"
        " AND (q.state IN ('open', 'condemned') OR e.at < q.decided_at - CAST(:skew AS interval))",
        moment=moment,
    )
