"""The questions behind the ten numbers of the morning: what was counted on each day, in each site's own days.

Formulas in words: `docs/numbers.md`. Every query takes `now`, `since`, `days` and `week`.
"""

from sqlalchemy import TextClause, text


def _sums(facts: str) -> TextClause:
    """Sum `part` and `whole` of facts (site_id, day, part, whole) by site and day; `ago` 0 is the site's today."""
    return text(f"""
        WITH today AS (
            SELECT id AS site_id, timezone, (:now AT TIME ZONE timezone)::date AS today FROM site
        ), facts AS ({facts})
        SELECT site_id, today - day AS ago, sum(part)::float8 AS part, sum(whole)::float8 AS whole
        FROM facts JOIN today USING (site_id) WHERE day BETWEEN today - :days AND today GROUP BY site_id, ago
    """)  # noqa: S608  no input in it


# `:since` is a little more than the days asked for, so that old rows are not even looked at.
LOADED = _sums("""
    SELECT o.site_id, (w.closes_at AT TIME ZONE t.timezone)::date AS day, 1 AS whole,
        (p.collected_at IS NULL OR (p.collected_at AT TIME ZONE t.timezone)::date
            > (w.closes_at AT TIME ZONE t.timezone)::date)::int AS part
    FROM pickup_window w JOIN customer_order o ON o.window_id = w.id AND o.run_no = w.run_no
    JOIN parcel p ON p.order_id = o.id
    JOIN today t ON t.site_id = o.site_id
    WHERE w.closes_at > :since AND p.loaded_at IS NOT NULL
""")
IN_TIME = _sums("""
    SELECT o.site_id, (w.opens_at AT TIME ZONE t.timezone)::date AS day, 1 AS whole,
        coalesce(p.loaded_at < w.opens_at, false)::int AS part
    FROM pickup_window w JOIN customer_order o ON o.window_id = w.id AND o.run_no = w.run_no
    JOIN parcel p ON p.order_id = o.id
    JOIN today t ON t.site_id = o.site_id
    WHERE w.opens_at > :since AND w.opens_at <= :now AND p.state NOT IN ('draft', 'cancelled')
""")
OPENS = _sums("""
    SELECT f.site_id, f.day, 1 AS whole, (stuck.seq IS NULL)::int AS part
    FROM (
        SELECT DISTINCT ON (e.gateway_id, e.order_id, door) e.gateway_id, g.site_id, door,
            e.body->>'grant_id' AS grant_id, (e.at AT TIME ZONE t.timezone)::date AS day
        FROM site_event e JOIN gateway g ON g.id = e.gateway_id JOIN today t ON t.site_id = g.site_id
        CROSS JOIN jsonb_array_elements_text(e.body->'doors') AS door
        WHERE e.at > :since AND e.type = 'UnlockGranted' AND e.body->>'right' = 'collect'
        ORDER BY e.gateway_id, e.order_id, door, e.at
    ) f LEFT JOIN site_event stuck ON stuck.gateway_id = f.gateway_id AND stuck.at > :since
        AND stuck.type = 'DoorStayedShut' AND stuck.body->>'grant_id' = f.grant_id AND stuck.body->>'door' = f.door
""")
# With `ago` null over the whole week that ends with yesterday: a percentile is no sum.
EVENING = text("""
    WITH today AS (
        SELECT id AS site_id, timezone, (:now AT TIME ZONE timezone)::date AS today FROM site
    ), visits AS (
        SELECT g.site_id, t.today, t.timezone, e.order_id, min(e.at) FILTER (WHERE e.type = 'UnlockGranted') AS came,
            max(e.at) FILTER (WHERE e.type = 'ParcelCollected') AS went
        FROM site_event e JOIN gateway g ON g.id = e.gateway_id JOIN today t ON t.site_id = g.site_id
        WHERE e.at > :since AND e.order_id IS NOT NULL AND e.type IN ('UnlockGranted', 'ParcelCollected')
            AND e.body->>'right' = 'collect'
        GROUP BY g.site_id, t.today, t.timezone, e.order_id
    ), timed AS (
        SELECT site_id, today - (came AT TIME ZONE timezone)::date AS ago, extract(epoch FROM went - came) AS s
        FROM visits WHERE went IS NOT NULL AND (came AT TIME ZONE timezone)::time BETWEEN '17:30' AND '19:30'
    )
    SELECT site_id, ago, percentile_cont(0.9) WITHIN GROUP (ORDER BY s) AS part FROM timed
    WHERE ago BETWEEN 0 AND :days GROUP BY site_id, ago
    UNION ALL
    SELECT site_id, NULL, percentile_cont(0.9) WITHIN GROUP (ORDER BY s) FROM timed
    WHERE ago BETWEEN 1 AND :week GROUP BY site_id
""")
# Bags that were kept shut for what they went through; `whole`: hours of a zone that were measured at all.
SHUT = _sums("""
    SELECT q.site_id, (q.found_at AT TIME ZONE t.timezone)::date AS day, 1 AS part, 0 AS whole
    FROM quarantine q JOIN today t ON t.site_id = q.site_id WHERE q.found_at > :since
    UNION ALL
    SELECT l.site_id, (h.hour AT TIME ZONE t.timezone)::date, 0, count(*)
    FROM zone_hour h JOIN locker l ON l.id = h.locker_id JOIN today t ON t.site_id = l.site_id
    WHERE h.hour > :since GROUP BY 1, 2
""")
# A cabinet's day beside the same day a week before; cabinets that do not know both are left out.
ENERGY = _sums("""
    SELECT l.site_id, e.day, e.last_wh - e.first_wh AS part, b.last_wh - b.first_wh AS whole
    FROM cabinet_energy e JOIN cabinet_energy b ON b.locker_id = e.locker_id AND b.day = e.day - 7
    JOIN locker l ON l.id = e.locker_id JOIN today t ON t.site_id = l.site_id WHERE e.day < t.today
""")
# What households claimed on a day against the lines they collected on it; what was refunded first is no claim.
CLAIMS = _sums("""
    SELECT o.site_id, (m.at AT TIME ZONE t.timezone)::date AS day, m.part, m.whole
    FROM (
        SELECT order_id, made_at AS at, 1 AS part, 0 AS whole FROM claim WHERE made_at > :since AND first_by IS NULL
        UNION ALL
        SELECT p.order_id, p.collected_at, 0, 1 FROM parcel p JOIN order_line l ON l.parcel_id = p.id
        WHERE p.collected_at > :since AND p.state = 'collected'
    ) m JOIN customer_order o ON o.id = m.order_id JOIN today t ON t.site_id = o.site_id
""")
# In selling prices, for want of buying prices: what claims cost, and what was refunded because it ended as waste.
WASTE = _sums("""
    SELECT o.site_id, (m.at AT TIME ZONE t.timezone)::date AS day, m.part, m.whole
    FROM (
        SELECT order_id, at, amount_minor AS part, 0 AS whole FROM ledger_entry
        WHERE at > :since AND kind = 'claim_cost' AND amount_minor > 0
        UNION ALL
        SELECT order_id, decided_at, amount_minor, 0 FROM refund
        WHERE decided_at > :since AND cause = 'not_collected'
        UNION ALL
        SELECT order_id, at, 0, amount_minor FROM ledger_entry
        WHERE at > :since AND kind = 'capture' AND account = 'provider_clearing'
    ) m JOIN customer_order o ON o.id = m.order_id JOIN today t ON t.site_id = o.site_id
""")
# A correction of weight, and money that came too late or twice, is no complaint.
REFUNDS = _sums("""
    SELECT o.site_id, (m.at AT TIME ZONE t.timezone)::date AS day, m.part, m.whole
    FROM (
        SELECT order_id, decided_at AS at, amount_minor AS part, 0 AS whole FROM refund
        WHERE decided_at > :since AND cause NOT IN ('weight', 'late_payment', 'second_payment', 'edited', 'edit_gone')
        UNION ALL
        SELECT order_id, at, 0, amount_minor FROM ledger_entry
        WHERE at > :since AND kind = 'capture' AND account = 'provider_clearing'
    ) m JOIN customer_order o ON o.id = m.order_id JOIN today t ON t.site_id = o.site_id
""")
SHORT = _sums("""
    SELECT r.site_id, (r.load_from AT TIME ZONE t.timezone)::date AS day, greatest(0, c.worst) AS part, 1 AS whole
    FROM (
        SELECT run_no, zone, max(taken + blocked - total) AS worst FROM run_capacity GROUP BY run_no, zone
    ) c JOIN load_run r USING (run_no) JOIN today t ON t.site_id = r.site_id
    WHERE r.called_off_at IS NULL AND r.load_from > :since
""")
# Households that bought, and those whose money came back three times or more.
HOUSEHOLDS = text("""
    WITH days AS (
        SELECT id, (:now AT TIME ZONE timezone)::date - :week AS first, (:now AT TIME ZONE timezone)::date - 1 AS last
        FROM site
    )
    SELECT s.id AS site_id, (
        SELECT count(DISTINCT o.person_id) FROM customer_order o
        WHERE o.site_id = s.id AND o.placed_at > :since AND o.state NOT IN ('awaiting_payment', 'released')
            AND (o.placed_at AT TIME ZONE s.timezone)::date BETWEEN first AND last
    ) AS bought, (
        SELECT count(*) FROM (
            SELECT FROM refund r JOIN customer_order o ON o.id = r.order_id
            WHERE o.site_id = s.id AND r.decided_at > :since
                AND r.cause NOT IN ('weight', 'late_payment', 'second_payment', 'edited', 'edit_gone')
                AND (r.decided_at AT TIME ZONE s.timezone)::date BETWEEN first AND last
            GROUP BY o.person_id HAVING count(*) >= 3
        ) often
    ) AS often
    FROM site s JOIN days USING (id)
""")
# Of those whose first order lies 14 to 27 days back: who ordered again within 14 days of it.
SECOND = text("""
    WITH first AS (
        SELECT o.person_id, o.site_id, o.placed_at, s.timezone
        FROM customer_order o JOIN site s ON s.id = o.site_id
        WHERE o.placed_at BETWEEN CAST(:now AS timestamptz) - interval '29 days'
                AND CAST(:now AS timestamptz) - interval '12 days'
            AND o.state NOT IN ('awaiting_payment', 'released') AND NOT EXISTS (
                SELECT FROM customer_order e WHERE e.person_id = o.person_id
                    AND (e.placed_at, e.id) < (o.placed_at, o.id) AND e.state NOT IN ('awaiting_payment', 'released')
            )
    )
    SELECT site_id, count(*) AS whole, count(*) FILTER (WHERE EXISTS (
        SELECT FROM customer_order n WHERE n.person_id = first.person_id AND n.placed_at > first.placed_at
            AND n.placed_at <= first.placed_at + interval '14 days' AND n.state NOT IN ('awaiting_payment', 'released')
    )) AS part
    FROM first
    WHERE (placed_at AT TIME ZONE timezone)::date
        BETWEEN (:now AT TIME ZONE timezone)::date - 27 AND (:now AT TIME ZONE timezone)::date - 14
    GROUP BY site_id
""")
