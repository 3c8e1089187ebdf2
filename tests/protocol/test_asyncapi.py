"""The contract's document is valid, says what the code says, and its examples and test vectors hold."""

import base64
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft7Validator

from app.demo import brokers
from app.link import command_relay, event_intake, remote_commands
from app.use_cases.site import ask_site
from firmware_sim import controller, panel, sampling, signals, view
from firmware_sim.memory import new_memory
from locker_gateway import controllers, echoes, grants, manifest, remote, site, status, tidy, uplink_log
from locker_protocol import bus_messages, codec, signing, telemetry, token, typed_code, uplink_messages
from locker_protocol.clock import Now
from locker_protocol.errors import ProtocolFault
from locker_protocol.ids import random_bytes
from locker_protocol.label import Label, read_label, write_label
from locker_protocol.signing import Direction, seal
from locker_protocol.topics import bus_topic, uplink_topic
from locker_protocol.uplink_messages import OpenDoors
from locker_protocol.vocabulary import CONTRACT_MINOR, Right, Zone
from tests.gateway.manifests import START_MS, code
from tests.gateway.world import World, loaded_world
from tests.protocol.contract_document import (
    EXAMPLES,
    INNER,
    MESSAGES,
    ROOT,
    SCHEMAS,
    STRUCTS,
    WORDS,
    document,
    follow,
    kept,
    promised,
    references,
    validator,
)

# The specification's own schema, as its makers publish it on npm.
SPECIFICATION = ROOT / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
GOLDEN = sorted(EXAMPLES.glob("*/*.json"))

# What the code reads in a second step, so that one that cannot be read is consumed with that result.
READ_ON_ITS_OWN = {
    "NumberedEntry": ("entry", "Entry"),
    "NumberedSiteEvent": ("event", "SiteEvent"),
    "NumberedEvent": ("event", "ControllerEvent"),
}

LIMITS = {
    "MAX_MESSAGE_BYTES": codec.MAX_MESSAGE_BYTES,
    "MAX_PACKET_BYTES": brokers.MAX_PACKET_BYTES,
    "MAX_FRAME_HEAD": signing.MAX_FRAME_HEAD,
    "FRESH_BEATS": bus_messages.FRESH_BEATS,
    "COMMAND_RING": bus_messages.COMMAND_RING,
    "BEAT_EVERY_MS": controller.BEAT_EVERY_MS,
    "BUS_RESEND_AFTER_MS": controller.RESEND_AFTER_MS,
    "BIRTH_AGAIN_AFTER_MS": controller.BIRTH_AGAIN_AFTER_MS,
    "BATCH": controller.BATCH,
    "REPORT_BYTES": controller.MAX_BATCH_BYTES,
    "MAX_QUEUE": controller.MAX_QUEUE,
    "MAX_QUEUE_FOR_PEOPLE": controller.MAX_QUEUE_FOR_PEOPLE,
    "MAX_PULSES_WAITING": controller.MAX_PULSES_WAITING,
    "STAGGER_MS": controller.STAGGER_MS,
    "FOLLOW_MS": controller.FOLLOW_MS,
    "SAMPLE_EVERY_MS": telemetry.SAMPLE_EVERY_MS,
    "SAMPLES_EVERY_MS": telemetry.SAMPLE_EVERY_MS * sampling.TOGETHER,
    "MAX_SAMPLES": telemetry.MAX_SAMPLES,
    "SAMPLES_HELD": sampling.SAMPLES_HELD // 4,
    "ECHO_MISSED_MS": sampling.ECHO_MISSED_MS,
    "GATEWAY_AWAY_MS": sampling.GATEWAY_AWAY_MS,
    "DEBOUNCE_MS": panel.DEBOUNCE_MS,
    "MAX_SCAN": panel.MAX_SCAN,
    "MAX_DIGITS": panel.MAX_DIGITS,
    "KEYPAD_TIMEOUT_MS": panel.KEYPAD_TIMEOUT_MS,
    "SHOWN_FOR_MS": view.SHOWN_FOR_MS,
    "CONTROLLER_SILENT_MS": controllers.SILENT_AFTER_MS,
    "GAP_TAKEN_MS": controllers.GAP_TAKEN_MS,
    "SHOWN_FRESH_MS": site.SHOWN_FRESH_MS,
    "ECHO_EVERY_MS": echoes.ECHO_EVERY_MS,
    "ECHO_WAIT_MS": controller.ECHO_WAIT_MS,
    "LAPSE_AFTER_MS": grants.LAPSE_AFTER_MS,
    "MAX_PULSES": grants.MAX_PULSES,
    "PULSE_WINDOW_MS": grants.PULSE_WINDOW_MS,
    "RESEND_AFTER_MS": uplink_messages.RESEND_AFTER_MS,
    "MAX_BATCH": uplink_messages.MAX_BATCH,
    "MAX_BATCH_BYTES": uplink_log.MAX_BATCH_BYTES,
    "WINDOW": command_relay.WINDOW,
    "MAX_DOORS": uplink_messages.MAX_DOORS,
    "MAX_KEYS": manifest.MAX_KEYS,
    "COMMAND_LIVES_MS": ask_site.LIVES.total_seconds() * 1000,
    "COMMAND_FRESH_MS": remote.FRESH_MS,
    "ANSWER_WITHIN_MS": remote_commands.ANSWER_WITHIN_MS,
    "GATEWAY_BIRTH_EVERY_MS": uplink_log.BIRTH_EVERY_MS,
    "STATUS_EVERY_MS": status.EVERY_MS,
    "STATUS_SOONEST_MS": status.SOONEST_MS,
    "GATEWAY_SILENT_MS": event_intake.SILENT_AFTER_MS,
    "EVENTS_KEPT_MS": tidy.EVENTS_KEPT_MS,
    "SKEW_S": token.SKEW_S,
}


# --- the document itself ----------------------------------------------------------------------------------------------


def test_it_is_valid_by_the_specifications_own_schema() -> None:
    specification = Draft7Validator(json.loads(SPECIFICATION.read_text()))
    assert [error.message for error in specification.iter_errors(document())] == []

    broken = copy.deepcopy(document())
    del broken["operations"]["controllerBeats"]["channel"]
    assert not specification.is_valid(broken)


def test_every_reference_leads_somewhere() -> None:
    for reference in references(document()):
        assert follow(reference), reference


def test_every_schema_is_a_schema_and_used() -> None:
    used = set(references(document()))
    for name, schema in document()["components"]["schemas"].items():
        Draft7Validator.check_schema(schema)
        assert SCHEMAS + name in used or name == "ProtocolFault"


def test_every_message_of_a_channel_is_sent_by_one_operation() -> None:
    listed = [
        f"#/channels/{name}/messages/{message}"
        for name, channel in document()["channels"].items()
        for message in channel["messages"]
    ]
    sent = [each["$ref"] for op in document()["operations"].values() for each in op.get("messages", [])]
    assert sorted(sent) == sorted(listed)
    taken = [op["channel"]["$ref"] for op in document()["operations"].values() if op["action"] == "receive"]
    assert sorted(taken) == sorted(f"#/channels/{name}" for name in document()["channels"])


def test_the_channels_addresses_are_the_codes_topics() -> None:
    addresses = {channel["address"] for channel in document()["channels"].values()}
    uplink = [uplink_topic("{shard}", "{gateway}", kind) for kind in ("down", "up", "presence")]
    bus = [bus_topic("{gateway}", "{controller}", kind) for kind in ("command", "report", "presence")]
    assert addresses == {*uplink, *bus}


# --- messages ---------------------------------------------------------------------------------------------------------


def test_every_message_of_the_code_has_its_entry_and_no_other_has() -> None:
    names = {message.__name__ for message in MESSAGES}
    assert set(document()["components"]["messages"]) == names
    assert {name for channel in document()["channels"].values() for name in channel["messages"]} == names


@pytest.mark.parametrize("union", sorted(INNER))
def test_every_event_and_entry_of_the_code_is_listed_and_no_other(union: str) -> None:
    listed = {each["$ref"].removeprefix(SCHEMAS) for each in follow(SCHEMAS + union)["oneOf"]}
    assert listed == {member.__name__ for member in get_args(INNER[union])}


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_its_fields_are_those_of_the_code(name: str) -> None:
    said, done = promised(name), kept(STRUCTS[name])
    if name in READ_ON_ITS_OWN:
        inner, union = READ_ON_ITS_OWN[name]
        assert said.pop(inner)[2] == {member.__name__ for member in get_args(INNER[union])}
        del done[inner]
    assert said == done


def test_the_version_is_the_codes() -> None:
    assert document()["info"]["version"] == f"1.{CONTRACT_MINOR}.0"


@pytest.mark.parametrize("name", [*sorted(WORDS), "ProtocolFault"])
def test_every_code_of_an_enumeration_is_listed_with_its_meaning(name: str) -> None:
    schema = follow(SCHEMAS + name)
    assert sorted(schema["enum"]) == sorted(WORDS.get(name, tuple(ProtocolFault)))
    assert list(schema["x-meanings"]) == schema["enum"]
    assert all(schema["x-meanings"].values())


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_example_is_valid_and_whatever_spoils_it_is_not(path: Path) -> None:
    example, judge = json.loads(path.read_text()), validator(path.stem)
    assert [error.message for error in judge.iter_errors(example)] == []
    spoilt = list(spoil(example, follow(SCHEMAS + path.stem)))
    assert spoilt
    assert [each for each in spoilt if judge.is_valid(each)] == []


def spoil(example: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The example without each field it needs, and with each field of a kind that none has."""
    for name in schema["required"]:
        yield {key: value for key, value in example.items() if key != name}
    for name in example:
        yield example | {name: {"of": "another kind"}}


def test_every_messages_example_is_the_golden_one() -> None:
    for name, message in document()["components"]["messages"].items():
        assert (ROOT / message["x-example"]).stem == name
        assert ROOT / message["x-example"] in GOLDEN


# --- how they travel --------------------------------------------------------------------------------------------------


def travels(message: str) -> tuple[int, bool]:
    """Quality of service and retain flag, by the document."""
    for operation in document()["operations"].values():
        if any(each["$ref"].endswith(f"/{message}") for each in operation.get("messages", [])):
            mqtt = operation["bindings"]["mqtt"]
            return mqtt["qos"], mqtt["retain"]
    raise AssertionError(message)


def test_the_gateway_sends_each_message_as_the_document_says() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.shut(1)
    world.down(OpenDoors("c1", [2], Right.STAFF, "staff-3", "to look", START_MS + 10_000_000))
    world.wait(6)
    seen = {type_of(world, each): (each.qos, each.retain) for each in world.sent}
    assert set(seen) == {
        *(member.__name__ for member in get_args(bus_messages.Command)),
        *(member.__name__ for member in get_args(uplink_messages.Up)),
        "GatewayBirth",
    }
    assert {name: travels(name) for name in seen} == seen


def type_of(world: World, sent: Any) -> str:
    body = sent.payload if sent.link == "bus" else sent.payload.partition(b"\n")[2]
    return str(json.loads(body)["type"])


def test_a_controller_sends_each_message_as_the_document_says() -> None:
    state, _ = controller.boot(
        new_memory("s"), contacts={1: False}, reason="power_on", now=Now(0, 0), random=random_bytes
    )
    outputs = controller.step(state, signals.Connected(), Now(0, 0))
    outputs += controller.step(state, signals.SymbolRead("A"), Now(10, 10))
    outputs += controller.step(state, signals.Woken(), Now(2_000, 2_000))
    warm = (signals.ZoneSample(Zone.CHILLED, 2.0, 2.0),)
    outputs += controller.step(state, signals.ProbesRead((warm,) * 3), Now(30_000, 30_000))
    sent = [each for each in outputs if isinstance(each, signals.Send)]
    seen = {type(each.message).__name__: (int(each.qos), each.retain) for each in sent}
    assert set(seen) == {"ControllerBirth", "Events", "Beat", "Samples"}
    assert {name: travels(name) for name in seen} == seen


# --- numbers, frame, codes --------------------------------------------------------------------------------------------


def test_every_limit_is_the_codes() -> None:
    assert {name: each["value"] for name, each in document()["x-limits"].items()} == LIMITS
    assert command_relay.WINDOW == uplink_log.WINDOW


def test_the_frames_test_vectors_hold() -> None:
    frame = document()["x-frame"]
    vectors = frame["vectors"]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vectors["seed_hex"]))
    assert key.public_key().public_bytes_raw().hex() == vectors["public_hex"]
    for direction in Direction:
        name = direction.name.lower()
        body = vectors["body"].encode()
        sealed = seal(body, direction=direction, gateway=vectors["gateway"], key_id=vectors["key_id"], key=key)
        assert sealed.decode() == f"{vectors[name]}\n{vectors['body']}"
        assert re.match(frame["shape"], sealed.decode())
        covered = frame["domain"][name].encode() + vectors["gateway"].encode() + b"\0" + body
        key.public_key().verify(base64.urlsafe_b64decode(vectors[name].split(".")[2]), covered)


def test_the_tokens_test_vector_holds() -> None:
    said = document()["x-token"]
    vector, fields = said["vector"], dict(said["vector"]["fields"])
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["seed_hex"]))
    payload = b"".join(whole(fields[part["field"]], part["bytes"]) for part in said["payload"])
    assert payload.hex() == vector["payload_hex"]
    assert said["domain"].encode() == token.DOMAIN
    assert fields.pop("version") == token.VERSION
    signed = token.Token(**fields | {"credential_id": bytes.fromhex(fields["credential_id"])})
    assert token.sign_token(signed, key) == vector["text"]
    assert token.read_token(vector["text"], {1: key.public_key()}) == signed
    assert re.fullmatch(said["shape"], vector["text"])


def whole(value: int | str, size: int) -> bytes:
    return bytes.fromhex(value) if isinstance(value, str) else value.to_bytes(size)


def test_the_typed_codes_test_vector_holds() -> None:
    said = document()["x-typed-code"]
    vector = said["vector"]
    assert said["scrypt"] == {"n": typed_code.SCRYPT_N, "r": typed_code.SCRYPT_R, "p": typed_code.SCRYPT_P, "bytes": 32}
    assert (said["secret_digits"], said["salt_bytes"]) == (typed_code.SECRET_DIGITS, typed_code.SALT_BYTES)
    assert typed_code.split_code(vector["digits"]) == (vector["handle"], vector["secret"])
    assert typed_code.hash_secret(vector["secret"], bytes.fromhex(vector["salt_hex"])).hex() == vector["hash_hex"]


def test_the_labels_test_vector_holds() -> None:
    said = document()["x-label"]
    vector = said["vector"]
    label = Label(vector["site_no"], vector["run_no"], vector["ref"])
    assert read_label(vector["text"]) == label
    assert write_label(label) == vector["text"]
    assert re.fullmatch(said["shape"], vector["text"])
