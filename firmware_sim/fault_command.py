"""`python -m firmware_sim fault …`: switches faults of a running simulator through its page's address.

It decides only how the words of the command line become a request; whether that can be is the simulator's to say.
"""

import argparse
import json
import math
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from firmware_sim.faults import KINDS, Kind
from firmware_sim.settings import SettingsError, simulator_url
from firmware_sim.words import words

USAGE = """what to write after `fault`:
  (nothing)                              every fault there is
  LOCKER                                 what is on at a locker
  LOCKER NAME                            switch on:  W1 network_slow --amount 800
  LOCKER door NUMBER NAME                            W1 door 7 jams_shut --for 60
  LOCKER zone ZONE NAME                              W1 zone chilled probes_swapped
  LOCKER probe ZONE air|product NAME                 W1 probe chilled air probe_stuck
  … off                                  switch off: W1 door 7 jams_shut off
  LOCKER clear                           switch everything off"""
TIMEOUT_S = 10


class _CommandError(Exception):
    """The sentence for whoever typed it."""


def fault_command(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Do it, print what is on then, and return the exit code: 2 for what cannot be read, 1 for what was refused."""
    parser = argparse.ArgumentParser(
        "python -m firmware_sim fault", description=USAGE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", metavar="LOCKER …")
    parser.add_argument("--amount", type=float, help="its number; `fault` alone lists the units")
    parser.add_argument("--one-in", type=int, help="it strikes on one occasion of so many")
    parser.add_argument("--for", type=float, dest="for_s", help="seconds after which it goes by itself")
    parser.add_argument("--url", help="the running simulator, http://127.0.0.1:PORT; or set SIM_URL")
    asked = parser.parse_intermixed_args(arguments)
    if not asked.words:
        sys.stdout.write("\n".join(_line(kind) for kind in KINDS.values()) + "\n")
        return 0
    try:
        sys.stdout.write("\n".join(_ask(asked, asked.url or simulator_url(environment))) + "\n")
    except (_CommandError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _ask(asked: argparse.Namespace, base: str) -> list[str]:
    locker, *rest = asked.words
    if urlsplit(base).scheme not in {"http", "https"}:
        raise _CommandError(f"{base} is no address; it begins with http:// or https://.")
    address = f"{base.rstrip('/')}/api/{quote(locker, safe='')}/faults"
    if not all(math.isfinite(each) for each in (asked.amount, asked.for_s) if each is not None):
        raise _CommandError("A number must be finite.")
    options = {"amount": asked.amount, "one_in": asked.one_in, "for_s": asked.for_s}
    given = {name: value for name, value in options.items() if value is not None}
    if rest == ["clear"]:
        return _on(_answer(f"{address}/clear", {"all": True}))
    if rest:
        return _on(_answer(address, _request(rest) | given))
    return _on(_answer(address, None))


def _request(rest: list[str]) -> dict[str, object]:
    off = rest[-1] == "off"
    match rest[:-1] if off else rest:
        case [name]:
            place: dict[str, object] = {}
        case ["door", door, name]:
            place = {"door": _number(door)}
        case ["zone", zone, name]:
            place = {"zone": zone}
        case ["probe", zone, probe, name]:
            place = {"zone": zone, "probe": probe}
        case _:
            raise _CommandError(f"“{' '.join(rest)}” cannot be read.\n{USAGE}")
    if name not in KINDS:
        raise _CommandError(f"There is no fault {name}. `python -m firmware_sim fault` lists them.")
    return {"name": name, "on": not off, **place}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise _CommandError(f"“{text}” is no door number.")
    return int(text)


def _answer(address: str, body: dict[str, object] | None) -> list[dict[str, Any]]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Accept-Language": "en", "Content-Type": "application/json"}
    try:
        request = urllib.request.Request(address, data, headers)  # noqa: S310 - checked to be http
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - checked to be http
            answer: dict[str, list[dict[str, Any]]] = json.load(response)
    except urllib.error.HTTPError as error:
        raise _CommandError(_problem(error)) from error
    except (OSError, ValueError) as error:
        raise _CommandError(f"The simulator at {address} does not answer: {error}.") from error
    return answer["faults"]


def _problem(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.load(error)
        field = f" ({problem['field']})" if problem.get("field") else ""
        return f"{problem['message']}{field}"
    except (ValueError, KeyError, TypeError):
        return f"The simulator answered {error.code} {HTTPStatus(error.code).phrase}."


def _on(faults: list[dict[str, Any]]) -> list[str]:
    return [_told(fault) for fault in faults] or ["nothing is wrong here"]


def _told(fault: dict[str, Any]) -> str:
    kind = KINDS[fault["name"]]
    places = [f"{field} {fault[field]}" for field in ("door", "zone", "probe") if fault.get(field) is not None]
    number = f"{fault['amount']:g} {kind.amount.unit}" if kind.amount and fault.get("amount") is not None else ""
    chance = f"one in {fault['one_in']}" if fault.get("one_in", 1) != 1 else ""
    return "  ".join(part for part in (kind.name, *places, number, chance) if part)


def _line(kind: Kind) -> str:
    amount = ""
    if kind.amount is not None:
        usual = f", usually {kind.amount.usual:g}" if kind.amount.usual is not None else ""
        amount = f"  --amount {kind.amount.least:g} to {kind.amount.most:g} {kind.amount.unit}{usual}"
    return f"{kind.place:7} {kind.name:23} {words('en')[f'fault.{kind.name}']}{amount}"
