"""`caibox`: the project's Flask command line. Thin: each command calls one function."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TextIO

import click
from flask import Flask
from flask.cli import FlaskGroup, NoAppException

from app.settings import SettingsError, required

ROOT = Path(__file__).resolve().parent.parent


def load_app() -> Flask:
    """Build the application for the commands that need it; what is missing is one sentence."""
    from app.factory import create_app

    try:
        return create_app()
    except SettingsError as error:
        raise NoAppException(str(error)) from None


@click.group(cls=FlaskGroup, create_app=load_app, add_default_commands=True)
def cli() -> None:
    """Caibox (菜箱): the order service."""


@cli.group("db")
def database() -> None:
    """The database's schema."""


@database.command("upgrade", with_appcontext=False)
def upgrade() -> None:
    """Bring the schema up to date."""
    from app.db.migrate import upgrade_schema

    upgrade_schema(required(os.environ, "DATABASE_URL"))


@cli.command("seed", with_appcontext=False)
def seed_command() -> None:
    """Write the demo's sites, products, runs and people, where they are not there yet."""
    from app.demo.seed import seed_from_environment

    click.echo(seed_from_environment(os.environ))


@cli.command("demo", with_appcontext=False)
def demo_command() -> None:
    """Start everything on this machine; Ctrl-C stops it. PORT moves the web's port, RESET=1 begins anew."""
    from app.demo.stack import run_demo

    port = os.environ.get("PORT") or "8000"
    if not port.isdigit() or not 1 <= int(port) <= 65535:
        raise click.UsageError(f"PORT must be a number from 1 to 65535, not {port}.")
    sys.exit(run_demo(ROOT, int(port), os.environ.get("RESET") == "1"))


@cli.command("deployment", with_appcontext=False)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--public-url", default="http://127.0.0.1:8000", show_default=True, help="Where people reach the shop.")
@click.option("--smtp-url", default="", help="Where mail leaves; without it this is a demo with an inbox page.")
@click.option("--uplink-host", "uplink_hosts", multiple=True, help="What gateways elsewhere call the uplink's broker.")
@click.option("--signing-keys", type=click.File(), help="A file with what `caibox keys` wrote; - reads it from a pipe.")
@click.option("--new-gateway-key", default="", metavar="GATEWAY", help="Give this gateway another key.")
def deployment_command(folder: Path, signing_keys: TextIO | None, uplink_hosts: tuple[str, ...], **asked: str) -> None:
    """Write what docker-compose.yml needs into FOLDER: secrets, certificates, brokers, settings.

    Run it again after an update: secrets and keys stay, certificates near their end are made anew.
    """
    from app.demo.ca import AuthorityError
    from app.demo.deployment import write_deployment
    from locker_protocol.clock import RealClock

    keys = signing_keys.read().strip() if signing_keys else ""
    if signing_keys and not keys:
        raise click.ClickException("There are no signing keys to read; nothing was changed.")
    now = RealClock().now().civil
    try:
        said = write_deployment(folder, now=now, uplink_hosts=uplink_hosts, signing_keys=keys, **asked)
    except AuthorityError as error:
        raise click.ClickException(str(error)) from None
    click.echo(said)


@cli.command("ca", with_appcontext=False)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("names", nargs=-1)
@click.option("--renew", multiple=True, metavar="NAME", help="Give this name another key and certificate.")
@click.option("--revoke", multiple=True, metavar="NAME", help="The same, and end the certificates it had before.")
def ca_command(folder: Path, names: tuple[str, ...], renew: tuple[str, ...], revoke: tuple[str, ...]) -> None:
    """Keep a certificate authority in FOLDER: NAME for a gateway, controller or service, NAME=HOST,HOST for a broker.

    Keys stay; certificates that end within 90 days are made anew. Names that are there already need not be repeated.
    """
    from app.demo.ca import AuthorityError, keep_authority, names_from
    from locker_protocol.clock import RealClock

    try:
        lines = keep_authority(folder, names_from(names), now=RealClock().now().civil, renew=renew, revoke=revoke)
    except AuthorityError as error:
        raise click.ClickException(str(error)) from None
    click.echo("\n".join(lines))


@cli.command("audit", with_appcontext=False)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the findings to this file.")
@click.option(
    "--since", type=click.Path(path_type=Path), help="What --json wrote earlier: the audit must go on from there."
)
def audit_command(json_path: Path | None, since: Path | None) -> None:
    """Check the invariants of docs/invariants.md on the live database; exits with 1 when one is broken."""
    from app.audit import NoEarlierAudit, run_audit

    try:
        sys.exit(run_audit(os.environ, json_path, since=since, say=click.echo))
    except NoEarlierAudit as error:
        raise click.UsageError(str(error)) from error


@cli.command("reconcile", with_appcontext=False)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="A day in UTC; left out, the last 24 hours.")
def reconcile_command(day: datetime | None) -> None:
    """Compare our books with the payment provider's report; exits with 1 while differences wait for a person."""
    from app.reconciling import run_reconcile

    sys.exit(run_reconcile(os.environ, day, say=click.echo))


@cli.command("gateway-key", with_appcontext=False)
@click.argument("gateway")
@click.argument("public_key")
def gateway_key_command(gateway: str, public_key: str) -> None:
    """Believe GATEWAY by another PUBLIC_KEY (base64 of 32 bytes) from now on, and no longer by the one before."""
    from app.keys import replace_gateway_key

    sys.exit(replace_gateway_key(os.environ, gateway, public_key, say=click.echo))


@cli.command("keys", with_appcontext=False)
@click.argument("step", required=False, type=click.Choice(["introduce", "use", "retire"]))
@click.option("--at-once", is_flag=True, help="Retire a key although codes that it signed are still good; they end.")
def keys_command(step: Literal["introduce", "use", "retire"] | None, at_once: bool) -> None:  # noqa: FBT001  a flag
    """Change the service's signing keys without a gap; without a STEP say how they stand (docs/operating.md).

    A step writes the next CAIBOX_SIGNING_KEYS to standard output, and exits with 1 when it is too early for it.
    """
    from app.keys import run_keys

    def say(sentence: str) -> None:
        click.echo(sentence, err=True)

    sys.exit(run_keys(os.environ, step, at_once=at_once, out=click.echo, say=say))


@cli.command("replay", with_appcontext=False)
@click.option("--baskets", required=True, type=click.Path(path_type=Path), help="Real baskets, CSV or CSV.gz.")
@click.option(
    "--products", type=click.Path(path_type=Path), help="Their products; products.csv beside them if left out."
)
@click.option("--orders", required=True, type=click.IntRange(1, 100_000), help="How many orders to place.")
@click.option("--url", help="The demo stack to drive; left out, a stack of its own is started.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures to this file.")
@click.option(
    "--kills", default=0, type=click.IntRange(0, 1_000), help="How often a process of its own stack is killed."
)
@click.option(
    "--faults", default=0, type=click.IntRange(0, 5_000), help="How many faults of all kinds hurt its own stack."
)
@click.option(
    "--pace", default=1.0, type=click.FloatRange(0.1, 10), help="How much faster faults are over and come again."
)
@click.option("--seed", default=1, type=int, help="The same seed makes people do the same.")
@click.option("--hands", default=12, type=click.IntRange(1, 200), help="How many people act at once.")
@click.option("--broker", default="nats", type=click.Choice(["nats", "mosquitto"]), help="Of its own stack.")
@click.option("--rush", is_flag=True, help="Instead of days: forty people come to one site's lockers at once.")
@click.option(
    "--everything", is_flag=True, help="People also edit, cancel, claim and more, and the provider is hostile."
)
def replay_command(url: str | None, kills: int, faults: int, rush: bool, **asked: Any) -> None:  # noqa: ANN401, FBT001  checked by click
    """Drive real baskets through the whole journey; exits with 0 only when nothing was violated."""
    from app.replay.run import Wanted, run_replay, run_rush

    if url is not None and (kills or faults):
        raise click.UsageError("Only a stack that the replay started itself is hurt: leave --url out.")
    if kills and faults:
        raise click.UsageError("Faults kill processes too: ask for one of --kills and --faults.")
    if rush and (url is not None or kills or faults):
        raise click.UsageError("A rush has a stack of its own, and nothing is hurt in it.")
    if rush and asked["everything"]:
        raise click.UsageError("A rush is of people who come, and of nothing else.")
    run = run_rush if rush else run_replay
    sys.exit(run(Wanted(url=url, kills=kills, faults=faults, **asked), say=click.echo))


def main() -> None:
    """Run; a missing setting is one sentence, not a traceback."""
    try:
        cli()
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
