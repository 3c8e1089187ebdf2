"""What the demo says to the person at the terminal."""

from collections.abc import Mapping
from contextlib import suppress

import click


def say(sentence: str) -> None:
    """Print. A terminal that has gone away must not keep the demo from ending in good order."""
    with suppress(OSError):
        click.echo(sentence)


def welcome(urls: Mapping[str, str]) -> str:
    """Addresses and log-ins."""
    from app.demo.seed import DEMO_LOGINS  # noqa: PLC0415, the rest of the demo does not need the seed

    lines = [
        "",
        "Caibox 菜箱 is running.",
        "",
        f"  Shop             {urls['web']}",
        f"  Virtual lockers  {urls['lockers']}",
        f"  Inbox            {urls['inbox']}   one-time codes and notices arrive here",
        f"  Clock            {urls['clock']}   run faster, or jump to the next load or window",
        "",
        "  Sign in with one of these; the code is in the inbox:",
        *(f"    {login}" for login in DEMO_LOGINS),
        "",
        "  For caibox commands beside it:  set -a; . .caibox/environment; set +a; .venv/bin/caibox audit",
        "",
        "Ctrl-C stops it.",
    ]
    return "\n".join(lines)
