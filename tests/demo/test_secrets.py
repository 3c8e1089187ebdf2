"""The demo's secrets stay what they were, and stay private."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.demo.secrets import Secrets, load_or_make, public_key
from app.settings import read_signing_keys


def made_at(path: Path) -> Secrets:
    return load_or_make(path, gateways=["osmanthus", "sunny"], mqtt_identities=["service", "osmanthus"])


def test_they_are_made_once(tmp_path: Path) -> None:
    assert made_at(tmp_path / "secrets.json") == made_at(tmp_path / "secrets.json")


def test_two_demos_share_none(tmp_path: Path) -> None:
    first, second = made_at(tmp_path / "1.json"), made_at(tmp_path / "2.json")
    assert first.secret_key != second.secret_key
    assert first.signing_key != second.signing_key
    assert not set(first.mqtt_passwords.values()) & set(second.mqtt_passwords.values())


def test_only_the_owner_reads_them(tmp_path: Path) -> None:
    made_at(tmp_path / "secrets.json")
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_public_key_verifies_what_its_seed_signed(tmp_path: Path) -> None:
    seed = made_at(tmp_path / "secrets.json").gateway_keys["sunny"]
    signature = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed)).sign(b"event")
    Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key(seed))).verify(signature, b"event")


def test_the_service_can_read_its_signing_key(tmp_path: Path) -> None:
    assert list(read_signing_keys(f"1:{made_at(tmp_path / 'secrets.json').signing_key}")) == [1]
