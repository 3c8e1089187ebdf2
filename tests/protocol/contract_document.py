"""`docs/asyncapi.yaml` as data, and schemas of both sides brought into one shape so that they can be compared."""

import functools
from pathlib import Path
from typing import Any, get_args

import msgspec
import yaml
from jsonschema import Draft7Validator

from locker_protocol import bus_messages, cold_messages, site_entries, site_events, telemetry, uplink_messages
from locker_protocol.cold_chain import policy
from locker_protocol.telemetry import SensorFault
from locker_protocol.vocabulary import (
    ColdCause,
    DoorCondition,
    DoorFault,
    DoorTrouble,
    Refusal,
    Right,
    SizeClass,
    Via,
    Zone,
    ZoneAlarm,
)

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "locker_protocol/examples"
SCHEMAS = "#/components/schemas/"

BUS = (bus_messages.Command, bus_messages.Report, bus_messages.ControllerPresence)
UPLINK = (uplink_messages.Down, uplink_messages.Up, uplink_messages.Presence)
MESSAGES = [message for union in (*BUS, *UPLINK) for message in get_args(union)]
INNER = {
    "ControllerEvent": bus_messages.ControllerEvent,
    "Entry": site_entries.Entry,
    "SiteEvent": site_events.SiteEvent,
}
PARTS = [
    each
    for module in (bus_messages, site_entries, site_events, uplink_messages, cold_messages, telemetry, policy)
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__module__ == module.__name__
]
STRUCTS = {each.__name__: each for each in PARTS}
WORDS: dict[str, tuple[str, ...]] = {
    **{
        each.__name__: tuple(each)
        for each in (
            Zone,
            SizeClass,
            Via,
            Right,
            DoorCondition,
            DoorFault,
            DoorTrouble,
            Refusal,
            ColdCause,
            ZoneAlarm,
            SensorFault,
        )
    },
    **{name: get_args(getattr(bus_messages, name)) for name in ("DoorState", "BootReason", "UnlockOutcome")},
}


@functools.cache
def document() -> dict[str, Any]:
    """The contract."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text(encoding="utf-8"))
    return loaded


def follow(reference: str) -> Any:
    """What a `$ref` of the document points at."""
    found: Any = document()
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(node: Any) -> list[str]:
    """Every `$ref` in a part of the document."""
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


@functools.cache
def validator(name: str) -> Draft7Validator:
    """Whether something is the schema `name`."""
    return Draft7Validator({"$ref": SCHEMAS + name, "components": document()["components"]})


def promised(name: str) -> dict[str, Any]:
    """What the document says of a struct's fields, in the common shape."""
    return _fields(follow(SCHEMAS + name), {})


def kept(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """What the code says of a struct's fields, in the common shape."""
    definitions = msgspec.json.schema(struct)["$defs"]
    return _fields(definitions[struct.__name__], definitions)


def _fields(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "prefixItems" in schema or "x-fields" in schema:  # an array with a meaning a place
        return _places(schema, definitions)
    required = set(schema["required"])
    return {
        name: (name in required, field.get("default"), _shape(field, definitions))
        for name, field in schema["properties"].items()
    }


def _places(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    places = schema.get("prefixItems") or schema["items"]
    return {
        str(number): (number < schema["minItems"], place.get("default"), _shape(place, definitions))
        for number, place in enumerate(places)
    }


def _shape(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """A schema without its words: structs by name, alternatives as a set, the rest as its limits."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        if name in STRUCTS:
            return name
        return _shape(definitions[name] if definitions else follow(schema["$ref"]), definitions)
    for alternatives in ("anyOf", "oneOf", "allOf"):
        if alternatives in schema:
            shapes = frozenset(_shape(each, definitions) for each in schema[alternatives])
            return next(iter(shapes)) if len(shapes) == 1 else shapes
    if "items" in schema:
        return ("array", schema.get("minItems"), schema.get("maxItems"), _shape(schema["items"], definitions))
    if "const" in schema or "enum" in schema:
        return frozenset(schema.get("enum", [schema.get("const")]))
    limits = ("type", "minimum", "maximum", "maxLength")
    # JSON Schema's `$` is the very end, which Python writes `\\Z`.
    return (schema.get("pattern", "").replace("\\Z", "$"), *(schema.get(each) for each in limits))
