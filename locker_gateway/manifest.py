"""What the service tells the site: plans, codes, cancellations, keys. Checked whole before anything changes."""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from locker_gateway import cancelling, codes, conditions, troubles
from locker_gateway.codes import code_of
from locker_gateway.cold import exposures, quarantines
from locker_gateway.conditions import Finding
from locker_gateway.records import Placement, Row, Table
from locker_gateway.state import ONLY
from locker_gateway.turn import Turn
from locker_protocol.cold_chain.policy import ColdPolicy, PolicyInvalid, check_policy
from locker_protocol.cold_messages import CondemnParcel, ReleaseParcel, SetColdPolicy
from locker_protocol.errors import ProtocolError, ProtocolFault
from locker_protocol.site_entries import (
    BelieveLoaded,
    CancelOrder,
    CredentialManifest,
    Entry,
    IssueCredential,
    LoadedParcel,
    PlanOrder,
    RevokeCredential,
    ServiceKey,
    SetDoorCondition,
    SetKeys,
    SiteSnapshot,
)

MAX_KEYS = 2


def check(turn: Turn, entry: Entry) -> None:
    """Refuse what the types cannot see is wrong. Raises ProtocolError(invalid_field)."""
    match entry:
        case SiteSnapshot():
            if entry.site_no != turn.site.config.site_no:
                raise ProtocolError(ProtocolFault.INVALID_FIELD, f"site {entry.site_no}")
            _check_keys(entry.keys)
            if entry.cold_policy is not None:
                _check_policy(entry.cold_policy)
            for credential in entry.credentials:
                _check_secret(credential)
        case IssueCredential(credential):
            _check_secret(credential)
        case SetKeys(keys):
            _check_keys(keys)
        case SetColdPolicy(policy):
            _check_policy(policy)
        case ReleaseParcel():
            quarantines.check_release(turn, entry)
        case SetDoorCondition(door) if str(door) not in turn.site.doors.rows:
            raise ProtocolError(ProtocolFault.INVALID_FIELD, f"door {door}")


def apply(turn: Turn, entry: Entry, *, store_was_new: bool) -> None:
    """Take one checked entry. `store_was_new` when its log began: then the service knows where parcels lie."""
    match entry:
        case SiteSnapshot():
            _replace_everything_told(turn, entry, store_is_new=store_was_new)
        case BelieveLoaded(loaded) if store_was_new:
            _believe_loaded(turn, loaded)
        case PlanOrder():
            cancelling.expect(turn, entry.order_id)
            for parcel in entry.parcels:
                turn.put(turn.site.parcels, parcel.parcel_id, parcel)
        case IssueCredential() | RevokeCredential():
            _apply_code(turn, entry)
        case CancelOrder():
            cancelling.cancel(turn, entry.order_id)
        case SetKeys(keys):
            _set_keys(turn, keys)
        case SetDoorCondition():
            _set_condition(turn, entry)
        case SetColdPolicy() | ReleaseParcel() | CondemnParcel():
            _apply_cold(turn, entry)


def _check_keys(keys: list[ServiceKey]) -> None:
    if not 1 <= len(keys) <= MAX_KEYS:
        raise ProtocolError(ProtocolFault.INVALID_FIELD, f"{len(keys)} keys")
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_hex))
        except ValueError as error:
            raise ProtocolError(ProtocolFault.INVALID_FIELD, f"key {key.key_id}") from error


def _check_policy(policy: ColdPolicy) -> None:
    try:
        check_policy(policy)
    except PolicyInvalid as error:
        raise ProtocolError(ProtocolFault.INVALID_FIELD, f"cold policy: {error}") from error


def _check_secret(credential: CredentialManifest) -> None:
    try:
        salt, expected = bytes.fromhex(credential.secret_salt or ""), bytes.fromhex(credential.secret_hash or "")
    except ValueError as error:
        raise ProtocolError(ProtocolFault.INVALID_FIELD, "the typed secret is not hex") from error
    if bool(salt) != bool(expected):
        raise ProtocolError(ProtocolFault.INVALID_FIELD, "a typed secret needs hash and salt")


def _replace_everything_told(turn: Turn, snapshot: SiteSnapshot, *, store_is_new: bool) -> None:
    """What the site found out by itself stays: where parcels lie, what is spent, revoked, cancelled or to be checked.

    Only a store that is new believes the service about where parcels lie; our own record is nearer the truth.
    """
    site = turn.site
    _clear(turn, site.doors)
    _clear(turn, site.parcels)
    _clear(turn, site.credentials)
    _set_keys(turn, snapshot.keys)
    for spec in snapshot.doors:
        turn.put(site.doors, str(spec.door), spec)
        conditions.told(turn, spec)
        troubles.told(turn, spec, store_is_new=store_is_new)
    for parcel in snapshot.parcels:
        turn.put(site.parcels, parcel.parcel_id, parcel)
    for credential in snapshot.credentials:
        codes.told(turn, credential)
    if snapshot.cold_policy is not None:
        _set_policy(turn, snapshot.cold_policy)
    if store_is_new:
        _believe_loaded(turn, snapshot.loaded)
        quarantines.believe(turn, snapshot.quarantined)
    turn.say("snapshot_taken", parcels=len(snapshot.parcels), doors=len(snapshot.doors))


def _believe_loaded(turn: Turn, told: list[LoadedParcel]) -> None:
    for loaded in told:
        _place(turn, loaded)


def _place(turn: Turn, loaded: LoadedParcel) -> None:
    site = turn.site
    manifest, spec = site.parcels.rows.get(loaded.parcel_id), site.doors.rows.get(str(loaded.door))
    if manifest is None or spec is None or loaded.parcel_id in site.placements.rows:
        return
    placement = Placement(
        loaded.parcel_id,
        manifest.order_id,
        spec.controller,
        loaded.door,
        loaded.state,
        turn.civil_ms,
    )
    turn.put(site.placements, loaded.parcel_id, placement)
    if loaded.cold_since is not None:
        exposures.crate_was_read(turn, loaded.parcel_id, loaded.cold_since)


def _apply_code(turn: Turn, entry: IssueCredential | RevokeCredential) -> None:
    if isinstance(entry, IssueCredential):
        codes.told(turn, entry.credential)
    else:
        _revoke(turn, entry)


def _revoke(turn: Turn, entry: RevokeCredential) -> None:
    code = code_of(turn.site, entry.order_id)
    through = max(code.revoked_through, entry.generation)
    turn.put(turn.site.codes, entry.order_id, msgspec.structs.replace(code, revoked_through=through))


def _apply_cold(turn: Turn, entry: SetColdPolicy | ReleaseParcel | CondemnParcel) -> None:
    match entry:
        case SetColdPolicy(policy):
            _set_policy(turn, policy)
        case ReleaseParcel():
            quarantines.release(turn, entry)
        case CondemnParcel():
            quarantines.condemn(turn, entry)


def _set_policy(turn: Turn, policy: ColdPolicy) -> None:
    if policy == turn.site.cold_policy:
        return
    turn.put(turn.site.policies, ONLY, policy)
    exposures.policy_changed(turn)
    turn.say("cold_policy_set", version=policy.version)


def _set_condition(turn: Turn, entry: SetDoorCondition) -> None:
    conditions.change(turn, entry.door, Finding.BROKE if entry.condition == "broken" else Finding.GIVEN_BACK)
    if entry.condition == "to_check":
        troubles.given_back(turn, entry.door)


def _set_keys(turn: Turn, keys: list[ServiceKey]) -> None:
    _clear(turn, turn.site.keys)
    for key in keys:
        turn.put(turn.site.keys, str(key.key_id), key)
    turn.say("keys_set", keys=[key.key_id for key in keys])


def _clear(turn: Turn, table: Table[Row]) -> None:
    for key in list(table.rows):
        turn.delete(table, key)
