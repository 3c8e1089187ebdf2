"""What the sites did, by what they told, and that both sides agree on it."""

from collections.abc import Iterator

from sqlalchemy import Connection

from app.use_cases.audit.chains import broken_chains
from app.use_cases.audit.rule import Moment, each


def no_door_opens_for_a_grant_that_was_not_written_before(conn: Connection, moment: Moment) -> Iterator[str]:
    """I3: the record that names who stands before the opening in the site's own log."""
    yield from each(
        conn,
        "SELECT 'event ' || e.log_id || ':' || e.seq || ' opened door ' || (e.body->>'door') || ' without its record'"
        " FROM site_event e WHERE e.type = 'DoorWasOpened' AND e.body->>'grant_id' IS NOT NULL AND NOT EXISTS ("
        " SELECT FROM site_event g WHERE g.gateway_id = e.gateway_id AND g.log_id = e.log_id AND g.seq < e.seq"
        " AND g.type = 'UnlockGranted' AND g.body->>'grant_id' = e.body->>'grant_id'"
        " AND g.body->'doors' @> (e.body->'door') AND g.body->>'actor' <> '')"
        # The record may have been thrown away by its age a moment before the opening it allowed.
        " AND NOT EXISTS (SELECT FROM pruned_log p WHERE p.gateway_id = e.gateway_id AND p.log_id = e.log_id"
        " AND e.at < p.last_at + :beside)",
        moment=moment,
    )


def no_door_is_granted_to_a_code_of_elsewhere_or_past_its_end(conn: Connection, moment: Moment) -> Iterator[str]:
    """I4 and I16: unknown, of another order or site, or expired beyond the allowed skew of clocks."""
    yield from each(
        conn,
        "SELECT 'grant ' || (e.body->>'grant_id') || ' of order ' || coalesce(e.order_id, '?') || ' by a foreign code'"
        " FROM site_event e JOIN gateway g ON g.id = e.gateway_id WHERE e.type = 'UnlockGranted'"
        " AND e.body->>'right' IN ('collect', 'reopen') AND NOT EXISTS (SELECT FROM credential c"
        " WHERE c.order_id = e.order_id AND c.site_id = g.site_id AND c.id = coalesce(e.body->>'credential_id', c.id)"
        " AND c.generation = (e.body->>'generation')::bigint)",
        "SELECT 'grant ' || (e.body->>'grant_id') || ' by an expired code' FROM site_event e JOIN credential c"
        " ON c.order_id = e.order_id AND c.generation = (e.body->>'generation')::bigint"
        " WHERE e.type = 'UnlockGranted' AND e.body->>'right' = 'collect' AND e.at > c.expires_at + :skew",
        moment=moment,
    )


def a_command_acts_at_most_once(conn: Connection, moment: Moment) -> Iterator[str]:
    """I6, as far as the service sees: one grant a command, and none for a command that was never sent."""
    yield from each(
        conn,
        "SELECT 'command ' || (body->>'command_id') || ' was granted ' || count(*) || ' times' FROM site_event"
        " WHERE type = 'UnlockGranted' AND body->>'command_id' IS NOT NULL GROUP BY body->>'command_id'"
        " HAVING count(*) > 1",
        "SELECT 'command ' || (e.body->>'command_id') || ' was granted and never sent there' FROM site_event e"
        " WHERE e.type = 'UnlockGranted' AND e.body->>'command_id' IS NOT NULL AND NOT EXISTS (SELECT FROM"
        " remote_command r WHERE r.id = e.body->>'command_id' AND r.gateway_id = e.gateway_id"
        " AND r.sent_at IS NOT NULL)",
        moment=moment,
    )


def every_site_event_is_applied_once_and_in_order(conn: Connection, moment: Moment) -> Iterator[str]:
    """I7: logs without holes, positions that agree, and one move for each parcel's event."""
    yield from each(
        conn,
        "SELECT 'log ' || log_id || ' of ' || gateway_id || ' has ' || count(*) || ' events of ' || max(seq)"
        " FROM site_event LEFT JOIN pruned_log p USING (gateway_id, log_id) GROUP BY gateway_id, log_id, p.through_seq"
        " HAVING count(*) <> max(seq) - coalesce(p.through_seq, 0) OR min(seq) <= coalesce(p.through_seq, 0)",
        "SELECT 'gateway ' || g.id || ' stands at ' || g.up_seq || ', its log at ' || coalesce(l.last, 0)"
        " FROM gateway g LEFT JOIN LATERAL (SELECT max(seq) AS last FROM site_event e WHERE e.gateway_id = g.id"
        " AND e.log_id = g.up_log_id) l ON true WHERE g.up_seq <> coalesce(l.last, 0)",
        # Of parcels whose events are all still kept.
        "WITH old AS (SELECT p.id FROM parcel p JOIN customer_order o ON o.id = p.order_id"
        " WHERE o.placed_at < :events_since AND EXISTS (SELECT FROM pruned_log)),"
        " told AS (SELECT body->>'parcel_id' AS id, CASE type WHEN 'ParcelLoaded' THEN 'loaded'"
        " WHEN 'ParcelCollected' THEN 'collected' WHEN 'ParcelTakenBack' THEN 'taken_back' ELSE 'removed' END AS event,"
        " count(*) AS n FROM site_event WHERE type IN ('ParcelLoaded', 'ParcelCollected', 'ParcelTakenBack',"
        " 'ParcelRemoved') AND fault IS NULL GROUP BY 1, 2), moved AS (SELECT subject_id AS id, CASE WHEN event IN"
        " ('discarded', 'rescued') THEN 'removed' ELSE event END AS event, count(*) AS n FROM history"
        " WHERE subject = 'parcel' AND actor LIKE 'gateway:%' AND event IN ('loaded', 'collected', 'taken_back',"
        " 'removed', 'discarded', 'rescued') GROUP BY 1, 2)"
        " SELECT 'parcel ' || coalesce(told.id, moved.id) || ' told ' || coalesce(told.n, 0) || ' and moved '"
        " || coalesce(moved.n, 0) || ' times' FROM told FULL JOIN moved ON moved.id = told.id"
        " AND moved.event = told.event WHERE (coalesce(told.n, 0) <> coalesce(moved.n, 0) OR told.n > 1"
        " AND told.event IN ('collected', 'removed'))"
        " AND NOT EXISTS (SELECT FROM old WHERE old.id IN (told.id, moved.id))",
        moment=moment,
    )


def the_audit_chains_are_whole(conn: Connection, moment: Moment) -> Iterator[str]:
    """I12: no row of the audit was edited, moved or removed, here or at a site, and each unlock has its row."""
    yield from broken_chains(conn, quiet_since=moment.now - moment.quiet, kept=moment.kept)


def site_and_service_agree(conn: Connection, moment: Moment) -> Iterator[str]:
    """I14: nothing waits long at a gateway that is there, and no event told what the tables refuse."""
    yield from each(
        conn,
        "SELECT 'entry ' || o.id || ' for ' || g.id || ' is unacknowledged' FROM outbox o JOIN gateway g"
        " ON g.id = o.gateway_id WHERE g.online AND o.acked_at IS NULL AND o.made_at < :quiet_since",
        "SELECT 'entry ' || id || ' for ' || gateway_id || ' was refused: ' || fault FROM outbox"
        " WHERE fault IS NOT NULL AND fault <> 'in_snapshot'",
        "SELECT 'event ' || log_id || ':' || seq || ' (' || type || ') was refused: ' || fault FROM site_event"
        " WHERE fault IN ('illegal_move', 'moved_meanwhile', 'unknown_parcel', 'refused_by_tables')",
        "SELECT 'parcel ' || p.id || ' is planned and not confirmed' FROM parcel p JOIN customer_order o"
        " ON o.id = p.order_id JOIN gateway g ON g.site_id = o.site_id WHERE g.online AND p.confirmed_at IS NULL"
        " AND p.state IN ('planned', 'packed') AND NOT EXISTS (SELECT FROM outbox WHERE outbox.order_id = o.id"
        " AND (acked_at IS NULL OR fault IS NOT NULL)) AND EXISTS (SELECT FROM history WHERE subject_id = p.id"
        " AND at < :quiet_since)",
        moment=moment,
    )
