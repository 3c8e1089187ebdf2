"""The authority keeps keys, makes certificates anew in time, and refuses what it cannot use."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.cli import cli
from app.demo.ca import AuthorityError, Member, files_of, keep_authority, revocations_of
from locker_protocol.clock import RealClock

NOW = RealClock().now().civil
BROKER, GATEWAY = Member("uplink", ("uplink", "127.0.0.1")), Member("osmanthus")


def read(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files_of(folder, name).cert.read_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def revoked(folder: Path) -> set[int]:
    return {each.serial_number for each in x509.load_pem_x509_crl(revocations_of(folder).read_bytes())}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keep_authority(tmp_path / "ca", [BROKER, GATEWAY], now=NOW)
    return tmp_path / "ca"


def test_a_name_is_the_certificates_and_only_a_broker_may_serve(folder: Path) -> None:
    uses = {}
    for name in ("uplink", "osmanthus"):
        certificate = read(folder, name)
        certificate.verify_directly_issued_by(read(folder, "ca"))
        assert certificate.subject.rfc4514_string() == f"CN={name}"
        assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
        uses[name] = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert uses == {"uplink": [ExtendedKeyUsageOID.SERVER_AUTH], "osmanthus": [ExtendedKeyUsageOID.CLIENT_AUTH]}


def test_keys_are_for_their_owner_alone(folder: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.key")} == {0o600}
    assert folder.stat().st_mode & 0o077 == 0


def test_run_again_it_changes_nothing(folder: Path) -> None:
    before = contents(folder)
    lines = keep_authority(folder, now=NOW + timedelta(days=600))
    assert len(lines) == 2
    assert contents(folder) == before


def test_a_certificate_near_its_end_is_made_anew_for_the_same_key(folder: Path) -> None:
    before, later = contents(folder), NOW + timedelta(days=650)
    keep_authority(folder, now=later)
    assert read(folder, "osmanthus").not_valid_after_utc > later + timedelta(days=700)
    assert contents(folder)["osmanthus.key"] == before["osmanthus.key"]
    assert contents(folder)["ca.crt"] == before["ca.crt"]
    assert not revoked(folder)


def test_the_authority_outlives_what_it_signs_and_what_it_signed_still_holds(folder: Path) -> None:
    key, client = contents(folder)["ca.key"], read(folder, "osmanthus")
    later = NOW + timedelta(days=3000)
    keep_authority(folder, now=later)
    authority = read(folder, "ca")
    assert authority.not_valid_after_utc > read(folder, "osmanthus").not_valid_after_utc
    assert contents(folder)["ca.key"] == key
    client.verify_directly_issued_by(authority)


def test_renewing_a_name_gives_it_another_key_and_leaves_the_others(folder: Path) -> None:
    before = contents(folder)
    keep_authority(folder, now=NOW, renew=["osmanthus"])
    changed = {name for name, content in contents(folder).items() if before[name] != content}
    assert changed == {"osmanthus.key", "osmanthus.crt", "issued"}
    assert not revoked(folder)


def test_revoking_a_name_ends_all_it_ever_had_and_gives_it_another(folder: Path) -> None:
    first = read(folder, "osmanthus").serial_number
    keep_authority(folder, now=NOW, renew=["osmanthus"])
    second = read(folder, "osmanthus").serial_number
    keep_authority(folder, now=NOW, revoke=["osmanthus"])
    assert revoked(folder) == {first, second}
    assert read(folder, "osmanthus").serial_number not in revoked(folder)
    keep_authority(folder, now=NOW, revoke=["uplink"])
    assert {first, second} < revoked(folder)


def test_other_hosts_make_a_brokers_certificate_anew_for_the_same_key(folder: Path) -> None:
    key = contents(folder)["uplink.key"]
    keep_authority(folder, [Member("uplink", ("uplink", "mq.shop.example"))], now=NOW)
    names = read(folder, "uplink").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["uplink", "mq.shop.example"]
    assert contents(folder)["uplink.key"] == key


def test_a_key_whose_certificate_was_lost_halfway_gets_one(folder: Path) -> None:
    key = contents(folder)["osmanthus.key"]
    files_of(folder, "osmanthus").cert.unlink()
    keep_authority(folder, [GATEWAY], now=NOW)
    assert contents(folder)["osmanthus.key"] == key
    keep_authority(folder, [Member("other")], now=NOW)
    files_of(folder, "other").key.replace(files_of(folder, "osmanthus").key)
    keep_authority(folder, now=NOW)
    assert read(folder, "osmanthus").public_key() != read(folder, "other").public_key()


@pytest.mark.parametrize("name", ["", "ca", "a/b", "no spaces", "x" * 33, "../up"])
def test_a_name_that_is_none_is_refused_and_nothing_is_written(folder: Path, name: str) -> None:
    before = contents(folder)
    with pytest.raises(AuthorityError, match=r"^[^\n]+\.$"):
        keep_authority(folder, [Member(name)], now=NOW)
    assert contents(folder) == before


@pytest.mark.parametrize("asked", [{"renew": ["sunny"]}, {"revoke": ["sunny"]}])
def test_a_name_that_has_no_certificate_is_neither_renewed_nor_revoked(
    folder: Path, asked: dict[str, list[str]]
) -> None:
    before = contents(folder)
    with pytest.raises(AuthorityError, match=r"There is no certificate for sunny\."):
        keep_authority(folder, now=NOW, **asked)  # type: ignore[arg-type]
    assert contents(folder) == before


@pytest.mark.parametrize("file", ["ca.key", "ca.crt", "osmanthus.crt", "osmanthus.key"])
def test_a_file_that_cannot_be_read_is_one_sentence_and_stays(folder: Path, file: str) -> None:
    (folder / file).write_text("not what it was")
    with pytest.raises(AuthorityError, match=f"{file} cannot be read"):
        keep_authority(folder, now=NOW)
    assert (folder / file).read_text() == "not what it was"


def test_a_list_that_cannot_be_read_is_not_written_over(folder: Path) -> None:
    revocations_of(folder).write_text("torn")
    with pytest.raises(AuthorityError, match="cannot be read as a list"):
        keep_authority(folder, now=NOW, revoke=["osmanthus"])
    assert revocations_of(folder).read_text() == "torn"


def test_on_the_command_line_a_broker_is_a_name_with_hosts(tmp_path: Path) -> None:
    run = CliRunner().invoke(cli, ["ca", str(tmp_path / "ca"), "osmanthus", "uplink=localhost,127.0.0.1"])
    assert run.exit_code == 0
    assert [line.split(":")[0] for line in run.output.splitlines()] == ["osmanthus", "uplink"]
    assert "uplink: until" in CliRunner().invoke(cli, ["ca", str(tmp_path / "ca")]).output
    for wrong in (["a/b"], ["uplink="], ["uplink=what?"], ["--renew", "sunny"]):
        refused = CliRunner().invoke(cli, ["ca", str(tmp_path / "ca"), *wrong])
        assert refused.exit_code == 1
        assert refused.output.startswith("Error: ")
