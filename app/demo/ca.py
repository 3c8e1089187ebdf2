"""A certificate authority in one folder: who everybody on the brokers is. EC P-256, one name a certificate.

Decides how long a certificate lives, when it is made anew and which are no longer believed. A key stays as long as
nobody asks for another. Never decides what a name may do (`app.demo.brokers`) and never hands a key out.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from locker_protocol.topics import ID_PATTERN

AUTHORITY_LIFE = timedelta(days=3650)
LIFE = timedelta(days=730)
RENEW_BEFORE = timedelta(days=90)
# Another machine's clock may be behind ours.
EARLIER = timedelta(hours=1)
AUTHORITY = "ca"
HOST_PATTERN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")


class AuthorityError(Exception):
    """A name or file that cannot be used; one sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Member:
    """Who gets a certificate. With `hosts` it is a broker's, without them whoever speaks to brokers."""

    name: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """Where one name's certificate and key lie."""

    cert: Path
    key: Path


def files_of(folder: Path, name: str) -> Files:
    """Name the files of one member; the authority's own are called `ca`."""
    return Files(folder / f"{name}.crt", folder / f"{name}.key")


def revocations_of(folder: Path) -> Path:
    """Name the list of certificates that are no longer believed."""
    return folder / "crl.pem"


def names_from(texts: Sequence[str]) -> list[Member]:
    """Read `NAME` (a client) or `NAME=HOST,HOST` (a broker). Raises AuthorityError."""
    found = []
    for text in texts:
        name, is_server, hosts = text.partition("=")
        if is_server and not hosts:
            raise AuthorityError(f"{text!r} names no host.")
        found.append(Member(name, tuple(hosts.split(",")) if hosts else ()))
    return found


def keep_authority(
    folder: Path,
    members: Iterable[Member] = (),
    *,
    now: datetime,
    renew: Collection[str] = (),
    revoke: Collection[str] = (),
) -> list[str]:
    """Bring the folder up to date and return a line a certificate.

    What is there already stays a member. A certificate that ends within 90 days, or names other hosts, is made anew
    for the same key; `renew` gives a name another key too; `revoke` does that and ends every certificate the name had.
    Raises AuthorityError, before anything is changed.
    """
    known = {member.name: member for member in (*_members_in(folder), *members)}
    _refuse_what_cannot_be(known, {*renew, *revoke})
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _Authority.of(folder, now)
    authority.revoke(revoke)
    return [authority.keep(member, fresh=member.name in {*renew, *revoke}) for member in known.values()]


def _refuse_what_cannot_be(known: Mapping[str, Member], asked: Collection[str]) -> None:
    for member in known.values():
        if ID_PATTERN.fullmatch(member.name) is None or member.name == AUTHORITY:
            raise AuthorityError(f"{member.name!r} is no name: 1 to 32 letters, digits, - or _, and not {AUTHORITY}.")
        for host in member.hosts:
            if HOST_PATTERN.fullmatch(host) is None:
                raise AuthorityError(f"{host!r} is neither a host's name nor an address.")
    if unknown := sorted(set(asked) - set(known)):
        raise AuthorityError(f"There is no certificate for {', '.join(unknown)}.")


def _members_in(folder: Path) -> list[Member]:
    certs = sorted(folder.glob("*.crt"))
    return [Member(path.stem, _hosts_in(_read_certificate(path))) for path in certs if path.stem != AUTHORITY]


class _Authority:
    """The authority's certificate and key, and what it does with them at one moment."""

    def __init__(
        self, folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, now: datetime
    ) -> None:
        self._folder, self._certificate, self._key, self._now = folder, certificate, key, now

    @classmethod
    def of(cls, folder: Path, now: datetime) -> "_Authority":
        """The one in the folder, made or renewed (with the same key) so that it outlives whatever it signs today."""
        files = files_of(folder, AUTHORITY)
        key = _read_key(files.key) if files.key.exists() else _new_key(files.key)
        if not files.cert.exists() or _read_certificate(files.cert).not_valid_after_utc < now + LIFE:
            _write(files.cert, _pem(_authority_certificate(key, now)), mode=0o644)
        authority = cls(folder, _read_certificate(files.cert), key, now)
        if not revocations_of(folder).exists():
            authority.revoke([], always=True)
        return authority

    def keep(self, member: Member, *, fresh: bool) -> str:
        """See that a member has a key and a certificate that is good for long enough; say until when."""
        files = files_of(self._folder, member.name)
        key = _read_key(files.key) if files.key.exists() and not fresh else _new_key(files.key)
        present = _read_certificate(files.cert) if files.cert.exists() else None
        if present is not None and self._is_good(present, member, key):
            return f"{member.name}: until {present.not_valid_after_utc:%Y-%m-%d}"
        made = self._sign(member, key)
        _write(files.cert, _pem(made), mode=0o644)
        return f"{member.name}: new, until {made.not_valid_after_utc:%Y-%m-%d}"

    def revoke(self, names: Collection[str], *, always: bool = False) -> None:
        """Add every certificate these names ever had to the list. The list itself does not go out of date."""
        if not names and not always:
            return
        path = revocations_of(self._folder)
        ended = {each.serial_number: each.revocation_date_utc for each in _read_list(path)}
        ended |= {serial: self._now for name, serial in self._issued() if name in names and serial not in ended}
        _write(path, self._list_of(ended).public_bytes(Encoding.PEM), mode=0o644)

    def _is_good(self, certificate: x509.Certificate, member: Member, key: ec.EllipticCurvePrivateKey) -> bool:
        lasts = certificate.not_valid_after_utc > self._now + RENEW_BEFORE
        fits = _hosts_in(certificate) == member.hosts and certificate.public_key() == key.public_key()
        return lasts and fits and self._signed(certificate)

    def _signed(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except Exception:  # noqa: BLE001  cryptography names several ways of not being ours; all mean: make it anew
            return False
        return True

    def _sign(self, member: Member, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        serial = x509.random_serial_number()
        use = ExtendedKeyUsageOID.SERVER_AUTH if member.hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _certificate(member.name, key, self._certificate.subject, self._key, self._now, LIFE)
            .serial_number(serial)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            # A gateway's certificate must not pass for a broker's.
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        )
        if member.hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_host, member.hosts))), critical=False)
        self._note(member.name, serial)
        return builder.sign(self._key, hashes.SHA256())

    def _list_of(self, ended: Mapping[int, datetime]) -> x509.CertificateRevocationList:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(self._now - EARLIER)
            # A list past its date shuts everybody out; that of a shop without an office hour for it must not end.
            .next_update(self._now + 2 * AUTHORITY_LIFE)
        )
        for serial, at in ended.items():
            gone = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(gone.build())
        return builder.sign(self._key, hashes.SHA256())

    def _note(self, name: str, serial: int) -> None:
        with (self._folder / "issued").open("a", encoding="ascii") as file:
            file.write(f"{name} {serial:x}\n")

    def _issued(self) -> list[tuple[str, int]]:
        path = self._folder / "issued"
        lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
        return [(name, int(serial, 16)) for name, _, serial in (line.partition(" ") for line in lines)]


def _authority_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    subject = _name("Caibox")
    builder = (
        _certificate("Caibox", key, subject, key, now, AUTHORITY_LIFE)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return builder.sign(key, hashes.SHA256())


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts_in(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def _new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)
    return key


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise AuthorityError(f"{path} cannot be read as a key: {error}.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{path} is a key of another kind than EC.")
    return key


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise AuthorityError(f"{path} cannot be read as a certificate: {error}.") from error


def _read_list(path: Path) -> list[x509.RevokedCertificate]:
    try:
        return list(x509.load_pem_x509_crl(path.read_bytes())) if path.exists() else []
    except (OSError, ValueError) as error:
        raise AuthorityError(f"{path} cannot be read as a list of revoked certificates: {error}.") from error


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Replace a file whole, so that a broker that reads it now sees the old or the new one."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)
