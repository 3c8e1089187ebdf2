"""What `caibox keys` does: says how the signing keys stand, and writes the setting that the next step needs.

Decides nothing itself (`app.domain.signing_keys`). It changes neither settings nor database: the setting goes to
standard output and to nobody else, and the worker tells the gateways when it starts with it.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, text

from app.db.engine import make_engine, transaction
from app.domain.errors import NotFound
from app.domain.signing_keys import Standing, Step, TooEarly, keys_after
from app.settings import Settings, settings_from
from app.use_cases.site import replace_gateway_key as use_case
from app.use_cases.site.tell_keys import key_list
from locker_protocol.clock import clock_from
from locker_protocol.ids import RandomBytes, random_bytes

SEED_BYTES = 32
# Web and worker do not start with the new setting in the same moment.
STARTS_APART = timedelta(minutes=10)

GATEWAYS = text("""
    SELECT g.id, g.told_keys, g.keys_told_at, g.down_log_id IS NULL AS never_there, EXISTS (
        SELECT FROM outbox o WHERE o.gateway_id = g.id AND o.acked_at IS NULL
        AND convert_from(o.entry, 'UTF8')::jsonb ->> 'type' IN ('SetKeys', 'SiteSnapshot')
    ) AS waits
    FROM gateway g ORDER BY g.id
""")
LAST_CODE = text(
    "SELECT max(expires_at) FROM credential WHERE ended_at IS NULL AND made_at <= :before AND expires_at > :now"
)


def run_keys(
    environment: Mapping[str, str],
    step: Step | None,
    *,
    at_once: bool,
    out: Callable[[str], object],
    say: Callable[[str], object],
    random: RandomBytes = random_bytes,
) -> int:
    """Take a step, or only say how things stand; 1 when it is too early. Raises SettingsError.

    `out` gets the new CAIBOX_SIGNING_KEYS and nothing else, `say` sentences for the operator.
    """
    settings = settings_from(environment)
    engine = make_engine(settings.database_url, pool_size=1)
    with transaction(engine) as conn:
        standing = read_standing(conn, settings, now=clock_from(environment).now().civil)
    engine.dispose()
    if step is None:
        _describe(standing, say)
        return 0
    try:
        keys = keys_after(step, standing, at_once=at_once)
    except TooEarly as error:
        say(str(error))
        return 1
    out(_as_setting(keys, settings, random))
    say("Start web and worker with this CAIBOX_SIGNING_KEYS; then `caibox keys` says which sites have confirmed.")
    return 0


def replace_gateway_key(
    environment: Mapping[str, str], gateway: str, public_key: str, *, say: Callable[[str], object]
) -> int:
    """Believe a gateway by another key; 1 when there is no such gateway or key. Raises SettingsError."""
    try:
        raw = base64.b64decode(public_key, validate=True)
        Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, binascii.Error):
        say("That is no public key: the base64 of 32 bytes.")
        return 1
    engine = make_engine(settings_from(environment).database_url, pool_size=1)
    try:
        with transaction(engine) as conn:
            use_case.replace_gateway_key(conn, gateway_id=gateway, public_key=raw)
    except NotFound:
        say(f"There is no gateway {gateway}.")
        return 1
    finally:
        engine.dispose()
    say(f"{gateway} is believed by its new key within ten seconds, and no longer by the old one.")
    return 0


def read_standing(conn: Connection, settings: Settings, *, now: datetime) -> Standing:
    """How the keys of these settings stand with every gateway that ever connected."""
    rows = [row for row in conn.execute(GATEWAYS).all() if not row.never_there]
    unconfirmed = [row.id for row in rows if row.waits or row.told_keys != key_list(settings)]
    told = max((row.keys_told_at for row in rows if row.keys_told_at), default=now)
    until = conn.execute(LAST_CODE, {"before": told + STARTS_APART, "now": now}).scalar_one()
    return Standing(list(settings.signing_keys), unconfirmed, until)


def _describe(standing: Standing, say: Callable[[str], object]) -> None:
    signing, *others = standing.keys
    say(f"Key {signing} signs." + "".join(f" Key {key} is believed too." for key in others))
    say(
        f"Not confirmed yet by: {', '.join(standing.unconfirmed)}."
        if standing.unconfirmed
        else "Every site that was ever there has confirmed these keys."
    )
    if others and standing.codes_until is not None:
        say(f"Codes from before the last change are good until {standing.codes_until:%Y-%m-%d %H:%M} UTC.")
    for key in others:
        say(f"`caibox keys use` lets key {key} sign; `caibox keys retire` ends it.")


def _as_setting(keys: list[int], settings: Settings, random: RandomBytes) -> str:
    seeds = {number: key.private_bytes_raw() for number, key in settings.signing_keys.items()}
    return ",".join(f"{number}:{base64.b64encode(seeds.get(number) or random(SEED_BYTES)).decode()}" for number in keys)
