"""What a service tells a site in tests: keys, doors, parcels, codes. Values; one order `o1` unless said otherwise."""

from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from locker_protocol.bus_messages import (
    ZoneReading,
)
from locker_protocol.label import Label, write_label
from locker_protocol.site_entries import (
    CredentialManifest,
    DoorSpec,
    Entry,
    IssueCredential,
    ParcelManifest,
    PlanOrder,
    ServiceKey,
    SiteSnapshot,
)
from locker_protocol.token import RIGHT_COLLECT, Token, sign_token
from locker_protocol.typed_code import hash_secret
from locker_protocol.vocabulary import SizeClass, Zone

SERVICE = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
GATEWAY = Ed25519PrivateKey.from_private_bytes(b"g" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
SITE_NO = 7
START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
RUN = 12
SALT = bytes(16)
SECRET = "482193"
SECRET_HASH = hash_secret(SECRET, SALT).hex()  # slow, as it should be: once is enough
ZONES = [ZoneReading(Zone.CHILLED, 3.1, 3.4)]

# G1 has doors 1 to 4, G2 doors 5 and 6; door 4 is small, door 6 is cool.
SPECS = [
    DoorSpec(1, "G1", Zone.CHILLED, SizeClass.M, 21_000, 450, 120),
    DoorSpec(2, "G1", Zone.CHILLED, SizeClass.M, 21_000, 450, 400),
    DoorSpec(3, "G1", Zone.CHILLED, SizeClass.L, 27_000, 450, 700),
    DoorSpec(4, "G1", Zone.CHILLED, SizeClass.S, 18_000, 450, 1_000),
    DoorSpec(5, "G2", Zone.CHILLED, SizeClass.M, 21_000, 450, 120),
    DoorSpec(6, "G2", Zone.COOL, SizeClass.M, 21_000, 450, 400),
]


def public_hex(key: Ed25519PrivateKey) -> str:
    """A public key as the service tells it."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def snapshot(**changes: Any) -> SiteSnapshot:
    """The site as built, with nothing in it."""
    blank = SiteSnapshot(SITE_NO, SPECS, [ServiceKey(1, public_hex(SERVICE))], [], [], [])
    return msgspec.structs.replace(blank, **changes)


def parcel(number: int = 1, **changes: Any) -> ParcelManifest:
    """A parcel of order `o1`, planned for door 1, then 2."""
    blank = ParcelManifest(
        parcel_id=f"p{number}",
        ref=ref_of(number),
        order_id="o1",
        run_no=RUN,
        zone=Zone.CHILLED,
        size=SizeClass.S,
        volume_ml=14_000,
        longest_mm=340,
        doors=[1, 2],
        loadable_from=START_MS - HOUR_MS,
        loadable_until=START_MS + 2 * HOUR_MS,
        collect_until=START_MS + 20 * HOUR_MS,
    )
    return msgspec.structs.replace(blank, **changes)


def ref_of(number: int) -> str:
    """The reference on a parcel's label."""
    return f"ABCD{number:04d}"


def label(number: int = 1, *, site_no: int = SITE_NO, run_no: int = RUN) -> str:
    """The text of a parcel's label."""
    return write_label(Label(site_no, run_no, ref_of(number)))


def credential(generation: int = 1, *, order_id: str = "o1", handle: int = 7, **changes: Any) -> CredentialManifest:
    """An order's code; its typed secret is SECRET."""
    blank = CredentialManifest(
        order_id=order_id,
        handle=handle,
        generation=generation,
        credential_id=credential_id(order_id).hex(),
        expires_at=START_MS + 20 * HOUR_MS,
        secret_hash=SECRET_HASH,
        secret_salt=SALT.hex(),
    )
    return msgspec.structs.replace(blank, **changes)


def credential_id(order_id: str) -> bytes:
    """The eight bytes of an order's credential."""
    return order_id.encode().rjust(8, b"\x00")


def code(generation: int = 1, *, order_id: str = "o1", key: Ed25519PrivateKey = SERVICE, **changes: Any) -> str:
    """A resident's QR text."""
    fields: dict[str, Any] = {
        "key_id": 1,
        "site_no": SITE_NO,
        "credential_id": credential_id(order_id),
        "handle": 7,
        "generation": generation,
        "rights": RIGHT_COLLECT,
        "expires_s": (START_MS + 20 * HOUR_MS) // 1000,
    }
    return sign_token(Token(**{**fields, **changes}), key)


def entries_for(*parcels: ParcelManifest) -> Sequence[Entry]:
    """What the service tells of a paid, packed order."""
    order_id = parcels[0].order_id
    return [PlanOrder(order_id, list(parcels)), IssueCredential(credential(order_id=order_id))]
