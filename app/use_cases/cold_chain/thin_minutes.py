"""Minutes of temperature older than 90 days become quarters of an hour, and what is older than two years goes.

Decides nothing that was judged: the sites judged these minutes long ago, and what they found stands in `quarantine`.
A quarter keeps the lowest, the highest and the mean, weighed by samples; what was not measured stays unknown.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

KEPT_MINUTES = timedelta(days=90)
KEPT = timedelta(days=730)
BATCH = 2_000

_SUMS = ("samples", "open_s", "cooling_s", "defrost_s")
_PARTS = {
    **{f"{name}": f"sum({name})" for name in _SUMS},
    **{f"{probe}_min": f"min({probe}_min)" for probe in ("product", "air")},
    **{f"{probe}_max": f"max({probe}_max)" for probe in ("product", "air")},
    **{
        f"{probe}_mean": f"round(sum({probe}_mean::numeric * samples) FILTER (WHERE {probe}_mean IS NOT NULL)"
        f" / nullif(sum(samples) FILTER (WHERE {probe}_mean IS NOT NULL), 0))"
        for probe in ("product", "air")
    },
    **{f"{probe}_fault": f"min({probe}_fault)" for probe in ("product", "air")},
}
_columns = ", ".join(_PARTS)
_types = {name: "text[]" if name.endswith("fault") else "smallint[]" for name in _PARTS}
_quarters = ", ".join(f"{rule} AS {name}" for name, rule in _PARTS.items())
_arrays = ", ".join(f"CAST(array_agg({name} ORDER BY quarter) AS {_types[name]}) AS {name}" for name in _PARTS)
THIN = text(f"""
    UPDATE zone_hour z SET {", ".join(f"{name} = thin.{name}" for name in _PARTS)}
    FROM (
        SELECT h.locker_id, h.zone, h.hour FROM zone_hour h
        WHERE cardinality(h.samples) = 60 AND h.hour < :before ORDER BY h.hour LIMIT {BATCH} FOR UPDATE SKIP LOCKED
    ) old CROSS JOIN LATERAL (
        SELECT {_arrays} FROM (
            SELECT (nth - 1) / 15 AS quarter, {_quarters}
            FROM (
                SELECT each.* FROM zone_hour m, unnest({", ".join(f"m.{name}" for name in _PARTS)})
                    WITH ORDINALITY AS each ({_columns}, nth)
                WHERE m.locker_id = old.locker_id AND m.zone = old.zone AND m.hour = old.hour
            ) minutes GROUP BY 1
        ) quarters
    ) thin
    WHERE z.locker_id = old.locker_id AND z.zone = old.zone AND z.hour = old.hour
""")  # noqa: S608  names of ours
FORGET = text(f"""
    DELETE FROM zone_hour WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM zone_hour WHERE cardinality(samples) = 4 AND hour < :before LIMIT {BATCH}
    ))
""")  # noqa: S608


def thin_minutes(conn: Connection, *, now: datetime) -> int:
    """Thin at most 2,000 hours and forget at most as many; returns how many were touched. May be done twice."""
    thinned = conn.execute(THIN, {"before": now - KEPT_MINUTES}).rowcount
    return thinned + conn.execute(FORGET, {"before": now - KEPT}).rowcount
