"""`caibox soak`: simulate a site with everything that can go wrong. Thin; found by the entry point `flask.commands`."""

import sys
from pathlib import Path

import click
import msgspec

from simulation.soak import ORDERS_A_WORLD, describe, run_soak
from simulation.world import run_world


@click.command("soak")
@click.option("--orders", default=2_000, show_default=True, type=click.IntRange(min=1), help="At least so many.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="The first world's seed.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the report here.")
@click.option("--processes", type=click.IntRange(min=1), help="As many as there are cores, if not said.")
@click.option("--replay", type=click.IntRange(min=0), help="Run one world again and tell of it.")
def soak(orders: int, seed: int, json_path: Path | None, processes: int | None, replay: int | None) -> None:
    """Simulate a site, its service and its people in virtual time; exits with 1 when an invariant is violated."""
    if replay is not None:
        outcome = run_world(replay, ORDERS_A_WORLD)
        click.echo(describe(outcome))
        sys.exit(1 if outcome.violation else 0)
    report = run_soak(orders, seed, processes=processes, say=click.echo)
    if json_path is not None:
        json_path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    first, last = report.seeds
    click.echo(
        f"{report.orders} orders, {report.events} events, {report.violations} violations in {report.seconds} s"
        f" ({report.orders / report.seconds:.0f} orders/s), seeds {first} to {last}, {report.digest}"
    )
    if report.missing:
        click.echo(f"never happened: {', '.join(report.missing)}")
    sys.exit(0 if report.holds else 1)
