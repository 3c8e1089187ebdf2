"""A Mosquitto that lets in only whom our authority signed: the configuration that real brokers run with.

Decides how a certificate becomes an identity: its name is the user's and the client id's, so that rights and sessions
hang on nothing a client says of itself. A second connection of the same identity ends the first; nobody else's can.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from app.demo.brokers import TUNED_MOSQUITTO, Identity, find_mosquitto, mosquitto_rights
from app.demo.ca import AUTHORITY, files_of, revocations_of
from app.demo.child import Command
from app.demo.ports import answers

TLS_PORT = 8883


def write_tls_broker(
    folder: Path, *, authority: Path, server: str, identities: Sequence[Identity], seen_at: str, data: str
) -> None:
    """Write configuration, rights and certificates of one broker into `folder`, which it will see at `seen_at`.

    Its own user in a container reads them, hence the wide modes; the folder around must keep others out.
    """
    folder.mkdir(exist_ok=True, mode=0o755)
    _copy(files_of(authority, AUTHORITY).cert, folder / "ca.crt")
    _copy(revocations_of(authority), folder / "crl.pem")
    _copy(files_of(authority, server).cert, folder / "server.crt")
    _copy(files_of(authority, server).key, folder / "server.key")
    (folder / "acl").write_text(mosquitto_rights(identities), encoding="utf-8")
    (folder / "mosquitto.conf").write_text("\n".join(_settings(seen_at, data)) + "\n", encoding="utf-8")


def write_client_files(folder: Path, *, authority: Path, names: Sequence[str]) -> None:
    """Copy what these clients show and whom they believe into `folder`, for a container that mounts it."""
    folder.mkdir(exist_ok=True, mode=0o755)
    _copy(files_of(authority, AUTHORITY).cert, folder / "ca.crt")
    for name in names:
        files = files_of(authority, name)
        _copy(files.cert, folder / files.cert.name)
        _copy(files.key, folder / files.key.name)


def local_tls_broker(
    name: str, folder: Path, port: int, *, authority: Path, server: str, identities: Sequence[Identity]
) -> Command:
    """The same broker on this machine's loopback, without a container."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_tls_broker(
        folder, authority=authority, server=server, identities=identities, seen_at=str(folder), data=str(folder)
    )
    return start_locally(name, folder, port)


def start_locally(name: str, folder: Path, port: int) -> Command:
    """How to start a broker from a folder that holds `mosquitto.conf`, on 127.0.0.1 and another port."""
    config = folder / "local.conf"
    lines = (folder / "mosquitto.conf").read_text(encoding="utf-8")
    lines = lines.replace(f"listener {TLS_PORT}\n", f"listener {port} 127.0.0.1\n")
    # Started by root it would become a user who cannot read our folder.
    config.write_text(lines + ("user root\n" if os.geteuid() == 0 else ""), encoding="utf-8")
    argv = [find_mosquitto() or "mosquitto", "-c", str(config)]
    return Command(name, argv, {"PATH": os.defpath}, folder / f"{name}.log", ready=lambda: answers(port))


def _settings(seen_at: str, data: str) -> list[str]:
    return [
        f"listener {TLS_PORT}",
        "tls_version tlsv1.2",  # and newer
        f"cafile {seen_at}/ca.crt",
        f"crlfile {seen_at}/crl.pem",
        f"certfile {seen_at}/server.crt",
        f"keyfile {seen_at}/server.key",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        *TUNED_MOSQUITTO,
        f"acl_file {seen_at}/acl",
        f"persistence_location {data}/",
    ]


def _copy(source: Path, target: Path) -> None:
    """Replace the target whole: a program that connects again right now reads the old or the new one."""
    fresh = target.with_name(target.name + ".new")
    shutil.copyfile(source, fresh)
    fresh.chmod(0o644)
    fresh.replace(target)
