"""All that a site's gateway has to know, as the first entries of a new down log.

Decides what still matters (parcels not yet collected, live codes, where parcels lie) and what fits into the snapshot
itself: parcels of orders behind a door first, since people may stand before them, then codes and the other orders by
run; what is left over follows as entries of its own, with where it lies. Never numbers or sends anything.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, text

from app.db.cold_policy import policy_now
from app.db.food_classes import CLASSES
from app.domain.pickup_code import credential_manifest
from app.settings import Settings
from app.use_cases.planning.allocate_order import parcel_manifest
from locker_protocol.codec import encode
from locker_protocol.cold_messages import QuarantinedParcel
from locker_protocol.site_entries import (
    BelieveLoaded,
    CredentialManifest,
    DoorSpec,
    Entry,
    IssueCredential,
    LoadedParcel,
    ParcelManifest,
    PlanOrder,
    ServiceKey,
    SiteSnapshot,
)
from locker_protocol.vocabulary import DoorCondition, DoorTrouble, SizeClass, Zone

# Messages end at 64 KiB; batch, number and signature need a little of it. A hundred doors fit, each with a parcel; of
# two hundred and fifty the doors fit, and parcels follow as entries of their own.
SNAPSHOT_BYTES = 60 * 1024
# scrypt takes 50 ms a code and lets other threads run.
HASHING_THREADS = 4

SITE = text("SELECT site_no FROM site WHERE id = :site")
DOORS = text(
    "SELECT door, locker_id, zone, size, volume_ml, longest_mm, sill_mm, condition, trouble FROM compartment"
    " WHERE site_id = :site ORDER BY door"
)
PARCELS = text(f"""
    SELECT p.*, ({CLASSES}) AS food_classes, o.run_no, r.load_from, r.removal_from
    FROM parcel p JOIN customer_order o ON o.id = p.order_id JOIN load_run r ON r.run_no = o.run_no
    WHERE o.site_id = :site AND o.state IN ('paid', 'packed', 'ready')
        AND (p.state = 'loaded' OR p.state IN ('planned', 'packed') AND r.removal_from > :now)
    ORDER BY r.load_from, o.id, p.id
""")  # noqa: S608  texts of ours
# With a class condemned the rest of the bag still waits for a look.
KEPT_SHUT = text("""
    SELECT DISTINCT ON (q.parcel_id) q.parcel_id, CASE q.state WHEN 'open' THEN 'quarantine' ELSE 'discard' END AS level
    FROM quarantine q JOIN parcel p ON p.id = q.parcel_id JOIN customer_order o ON o.id = p.order_id
    WHERE o.site_id = :site AND o.state IN ('paid', 'packed', 'ready') AND p.state = 'loaded'
        AND q.state IN ('open', 'condemned')
    ORDER BY q.parcel_id, q.found_at DESC
""")
CREDENTIALS = text(
    "SELECT c.* FROM credential c JOIN customer_order o ON o.id = c.order_id WHERE c.site_id = :site"
    " AND c.ended_at IS NULL AND o.state IN ('paid', 'packed', 'ready') ORDER BY c.order_id"
)


@dataclass(frozen=True, slots=True)
class Share:
    """An order's part of a snapshot, or half of it; `loaded`: which of its parcels are behind doors."""

    order_id: str
    parcels: list[ParcelManifest]
    loaded: list[LoadedParcel]
    credential: CredentialManifest | None

    def entries(self) -> Iterator[Entry]:
        """The same as entries of their own."""
        if self.parcels:
            yield PlanOrder(self.order_id, self.parcels)
        if self.loaded:
            yield BelieveLoaded(self.loaded)
        if self.credential:
            yield IssueCredential(self.credential)

    def size(self) -> int:
        """Bytes it takes in a snapshot, commas included."""
        whole = [*self.parcels, *self.loaded, *([self.credential] if self.credential else [])]
        return sum(len(encode(part)) + 1 for part in whole)


def build_snapshot(conn: Connection, *, site_id: str, now: datetime, settings: Settings) -> list[Entry]:
    """The entries a new log begins with: the snapshot, then whatever did not fit into it."""
    place = {"site": site_id, "now": now}
    site_no = conn.execute(SITE, place).scalar_one()
    doors = [_door(row) for row in conn.execute(DOORS, place)]
    rows = conn.execute(PARCELS, place).all()
    shares = _shares(rows, conn.execute(CREDENTIALS, place).all(), settings.secret_key)
    bare = SiteSnapshot(
        site_no,
        doors,
        service_keys(settings),
        [],
        [],
        [],
        cold_policy=policy_now(conn, site_id=site_id),
        quarantined=[QuarantinedParcel(row.parcel_id, row.level) for row in conn.execute(KEPT_SHUT, place)],
    )
    return list(_fill(bare, shares))


def warm_codes(conn: Connection, *, site_id: str, settings: Settings) -> None:
    """Hash the codes a snapshot will need beforehand, so that its transaction does not wait for them."""
    rows = conn.execute(CREDENTIALS, {"site": site_id}).all()
    with ThreadPoolExecutor(HASHING_THREADS) as threads:
        list(threads.map(lambda row: _credential(row, settings.secret_key), rows))


def service_keys(settings: Settings) -> list[ServiceKey]:
    """The live public keys: the one that signs, and the one before or after it."""
    return [
        ServiceKey(number, key.public_key().public_bytes_raw().hex()) for number, key in settings.signing_keys.items()
    ]


def _fill(bare: SiteSnapshot, shares: Iterable[Share]) -> Iterator[Entry]:
    room = SNAPSHOT_BYTES - len(encode(bare))
    assert room >= 0, "a site of this many doors does not fit into one message"
    inside: list[Share] = []
    outside: list[Share] = []
    for share in sorted(shares, key=lambda share: not share.loaded):
        cost = share.size()
        fits = cost <= room and not outside
        room -= cost if fits else 0
        (inside if fits else outside).append(share)
    yield SiteSnapshot(
        bare.site_no,
        [_not_yet_told(spec, outside) for spec in bare.doors],
        bare.keys,
        [parcel for share in inside for parcel in share.parcels],
        [share.credential for share in inside if share.credential],
        [loaded for share in inside for loaded in share.loaded],
        bare.cold_policy,
        bare.quarantined,
    )
    for share in outside:
        yield from share.entries()


def _not_yet_told(spec: DoorSpec, outside: Sequence[Share]) -> DoorSpec:
    """A door whose parcel comes later must not be loaded before: a new store is told to have it checked."""
    later = {loaded.door for share in outside for loaded in share.loaded}
    if spec.door not in later or spec.condition is not DoorCondition.FREE:
        return spec
    return msgspec.structs.replace(spec, condition=DoorCondition.TO_CHECK)


def _shares(parcels: Sequence[Row[Any]], credentials: Sequence[Row[Any]], secret_key: str) -> Iterator[Share]:
    of_order: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in parcels:
        of_order[row.order_id].append(row)
    codes = {row.order_id: _credential(row, secret_key) for row in credentials}
    for order_id in {**of_order, **codes}:
        rows = of_order.get(order_id, [])
        told = [parcel_manifest(row, row, list(row.planned_doors), list(row.food_classes)) for row in rows]
        loaded = [_loaded(row) for row in rows if row.door]
        if loaded:
            yield Share(order_id, told, loaded, None)
            yield Share(order_id, [], [], codes.get(order_id))
        else:
            yield Share(order_id, told, [], codes.get(order_id))


def _loaded(row: Row[Any]) -> LoadedParcel:
    return LoadedParcel(row.id, row.door, "opened" if row.opened_at else "loaded")


def _credential(row: Row[Any], secret_key: str) -> CredentialManifest:
    return _hashed(secret_key, row.order_id, row.id, row.handle, row.generation, row.expires_at, typed=row.typed)


@lru_cache(maxsize=4096)
def _hashed(
    secret_key: str,
    order_id: str,
    credential_id: str,
    handle: int,
    generation: int,
    expires_at: datetime,
    *,
    typed: bool,
) -> CredentialManifest:
    return credential_manifest(
        secret_key,
        order_id=order_id,
        credential_id=credential_id,
        handle=handle,
        generation=generation,
        expires_at=expires_at,
        typed=typed,
    )


def _door(row: Row[Any]) -> DoorSpec:
    return DoorSpec(
        row.door,
        row.locker_id,
        Zone(row.zone),
        SizeClass(row.size),
        row.volume_ml,
        row.longest_mm,
        row.sill_mm,
        DoorCondition(row.condition),
        DoorTrouble(row.trouble) if row.trouble else None,
    )
