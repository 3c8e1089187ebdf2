"""A certificate authority for one test, and a Mosquitto that lets in only whom it signed."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app.demo.brokers import find_mosquitto
from app.demo.child import Command
from app.demo.ports import answers

LOOPBACK = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])


@dataclass(frozen=True)
class Files:
    """A certificate and its key."""

    cert: Path
    key: Path


def make_certificates(folder: Path, *, names: list[str]) -> dict[str, Files]:
    """One authority, `ca`, and a certificate it signed for each name."""
    authority = ec.generate_private_key(ec.SECP256R1())
    made = {"ca": _write(folder, "ca", _certificate("ca", authority, "ca", authority), authority)}
    for name in names:
        key = ec.generate_private_key(ec.SECP256R1())
        made[name] = _write(folder, name, _certificate(name, key, "ca", authority), key)
    return made


def mosquitto_with_tls(folder: Path, port: int, files: dict[str, Files]) -> Command:
    """How to start a Mosquitto that asks for a certificate and takes its name for the user's."""
    lines = [
        f"listener {port} 127.0.0.1",
        f"cafile {files['ca'].cert}",
        f"certfile {files['127.0.0.1'].cert}",
        f"keyfile {files['127.0.0.1'].key}",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
        *(["user root"] if os.geteuid() == 0 else []),
    ]
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    argv = [find_mosquitto() or "mosquitto", "-c", str(config)]
    return Command("mosquitto", argv, {"PATH": os.defpath}, folder / "mosquitto.log", ready=lambda: answers(port))


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = datetime.now(UTC)
    authority = x509.BasicConstraints(ca=name == issuer, path_length=None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(authority, critical=True)
        .add_extension(LOOPBACK, critical=False)
    )
    return builder.sign(signer, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Files:
    files = Files(folder / f"{name}.crt", folder / f"{name}.key")
    files.cert.write_bytes(certificate.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files
