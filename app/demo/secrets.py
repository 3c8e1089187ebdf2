"""The demo's secrets: made once, kept in one file that only its owner can read, never in the repository."""

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from locker_protocol.ids import random_bytes

SEED_BYTES = 32
FIRST_KEY_ID = 1


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys are base64 of a 32-byte Ed25519 seed; everything else is hexadecimal text."""

    database_admin_password: str
    database_password: str
    secret_key: str
    signing_key: str
    sandbox_secret: str
    gateway_keys: dict[str, str]
    mqtt_passwords: dict[str, str]
    signing_keys: str = ""

    @property
    def live_keys(self) -> str:
        """The service's signing keys as its setting has them: the first that was made, until others replace it."""
        return self.signing_keys or f"{FIRST_KEY_ID}:{self.signing_key}"

    @property
    def public_live_keys(self) -> str:
        """Their public halves, as a gateway's setting has them."""
        pairs = (each.split(":") for each in self.live_keys.split(","))
        return ",".join(f"{number}:{public_key(seed)}" for number, seed in pairs)


def load_or_make(path: Path, *, gateways: Sequence[str], mqtt_identities: Sequence[str]) -> Secrets:
    """Read the secrets at `path`, or make and keep new ones there."""
    if path.exists():
        return Secrets(**json.loads(path.read_text(encoding="utf-8")))
    secrets = Secrets(
        database_admin_password=_password(),
        database_password=_password(),
        secret_key=_password(),
        signing_key=_ed25519_seed(),
        sandbox_secret=_password(),
        gateway_keys={gateway: _ed25519_seed() for gateway in gateways},
        mqtt_passwords={identity: _password() for identity in mqtt_identities},
    )
    _keep(path, secrets)
    return secrets


def replace_in(path: Path, secrets: Secrets, *, signing_keys: str = "", new_gateway_key: str = "") -> Secrets:
    """Keep other signing keys, or another key for one gateway; everything else stays."""
    keys = secrets.gateway_keys | ({new_gateway_key: _ed25519_seed()} if new_gateway_key else {})
    changed = replace(secrets, signing_keys=signing_keys or secrets.signing_keys, gateway_keys=keys)
    if changed != secrets:
        _keep(path, changed)
    return changed


def public_key(seed: str) -> str:
    """Base64 of the public key that belongs to a base64 seed."""
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _password() -> str:
    return random_bytes(24).hex()


def _ed25519_seed() -> str:
    return base64.b64encode(random_bytes(SEED_BYTES)).decode()


def _keep(path: Path, secrets: Secrets) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(secrets), file, indent=1)
    fresh.replace(path)
