"""Everybody × every topic × every direction, on the shipped rights: what is not allowed never arrives at anybody.

A broker's answer proves nothing: Mosquitto grants subscriptions it will not serve and acknowledges what it throws
away. So a witness who may hear everything listens, and a control message comes after.
"""

import socket
from contextlib import ExitStack

import pytest

from tests.conftest import wait_until
from tests.identity.stand import LATECOMER, STRANGER, WITNESS, Stand, Voice, speaking

UPLINK = "caibox/v1/s0"
BUS = "locker/v1"

# Written out, not computed from what is tested: who may say and hear what.
WRITES: dict[str, dict[str, set[str]]] = {
    "uplink": {
        "service": {f"{UPLINK}/osmanthus/down", f"{UPLINK}/sunny/down"},
        "osmanthus": {f"{UPLINK}/osmanthus/up", f"{UPLINK}/osmanthus/presence"},
        "sunny": {f"{UPLINK}/sunny/up", f"{UPLINK}/sunny/presence"},
        STRANGER: set(),
    },
    "bus": {
        "osmanthus": {f"{BUS}/osmanthus/G1/command", f"{BUS}/osmanthus/G2/command"},
        "sunny": {f"{BUS}/sunny/S1/command"},
        "G1": {f"{BUS}/osmanthus/G1/report", f"{BUS}/osmanthus/G1/presence"},
        "G2": {f"{BUS}/osmanthus/G2/report", f"{BUS}/osmanthus/G2/presence"},
        "S1": {f"{BUS}/sunny/S1/report", f"{BUS}/sunny/S1/presence"},
        STRANGER: set(),
    },
}
READS: dict[str, dict[str, set[str]]] = {
    "uplink": {
        "service": WRITES["uplink"]["osmanthus"] | WRITES["uplink"]["sunny"] | {f"{UPLINK}/third/up"},
        "osmanthus": {f"{UPLINK}/osmanthus/down"},
        "sunny": {f"{UPLINK}/sunny/down"},
        STRANGER: set(),
    },
    "bus": {
        "osmanthus": WRITES["bus"]["G1"] | WRITES["bus"]["G2"],
        "sunny": WRITES["bus"]["S1"],
        "G1": {f"{BUS}/osmanthus/G1/command"},
        "G2": {f"{BUS}/osmanthus/G2/command"},
        "S1": {f"{BUS}/sunny/S1/command"},
        STRANGER: set(),
    },
}
# The demo's simulated controllers are one process with one password.
FLEET = {
    "writes": WRITES["bus"]["G1"] | WRITES["bus"]["G2"] | WRITES["bus"]["S1"],
    "reads": READS["bus"]["G1"] | READS["bus"]["G2"] | READS["bus"]["S1"],
}
NOBODYS = {
    "uplink": {
        "caibox/v1/s1/osmanthus/down",
        "caibox/v1/s1/osmanthus/up",
        f"{UPLINK}/osmanthus",
        f"{UPLINK}/osmanthus/up/more",
        f"{UPLINK}/third/up",
        f"{UPLINK}//up/osmanthus",
        f"{BUS}/osmanthus/G1/command",
        "elsewhere",
    },
    "bus": {
        f"{BUS}/osmanthus/G1",
        f"{BUS}/osmanthus/G1/command/more",
        f"{BUS}/sunny/G1/elsewhere",
        f"{UPLINK}/osmanthus/down",
        "elsewhere",
    },
}
WIDE = {
    "uplink": ["#", "+/#", "caibox/#", f"{UPLINK}/+/down", f"{UPLINK}/+/up", "+/+/+/osmanthus/+", f"{UPLINK}/#"],
    "bus": ["#", "+/#", "locker/#", f"{BUS}/+/+/command", f"{BUS}/+/+/report", "+/+/osmanthus/#", f"{BUS}/+/G1/+"],
}
SHARED = {"uplink": [f"$share/thieves/{UPLINK}/+/down"], "bus": [f"$share/thieves/{BUS}/+/+/command"]}
CONTROL = {
    "uplink": ("service", f"{UPLINK}/osmanthus/down"),
    "bus": ("osmanthus", f"{BUS}/osmanthus/G1/command"),
}


def rights_of(stand: Stand) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """What each identity of this broker may write and read."""
    writes, reads = WRITES[stand.link], READS[stand.link]
    if stand.kind == "mosquitto":
        return writes, reads
    present = {each.name for each in stand.identities}
    fleet_w = {"controllers": FLEET["writes"]} if "controllers" in present else {}
    fleet_r = {"controllers": FLEET["reads"]} if "controllers" in present else {}
    return (
        {name: topics for name, topics in writes.items() if name in present} | fleet_w,
        {name: topics for name, topics in reads.items() if name in present} | fleet_r,
    )


def topics_of(stand: Stand) -> list[str]:
    """Everything there is to say something about."""
    writes, reads = rights_of(stand)
    return sorted(set().union(*writes.values(), *reads.values(), NOBODYS[stand.link]))


def control(stand: Stand, voices: dict[str, Voice], witness: Voice, payload: bytes) -> None:
    """An allowed message, sent after all others, has arrived."""
    name, topic = CONTROL[stand.link]
    voices[name].say(topic, payload)
    wait_until(lambda: (topic, payload) in witness.heard, what="the control message")
    witness.heard.remove((topic, payload))


def everybody(stack: ExitStack, stand: Stand) -> dict[str, Voice]:
    """One connection for each identity, listening to all it may."""
    _, reads = rights_of(stand)
    return {name: stack.enter_context(speaking(stand, name, *sorted(topics))) for name, topics in reads.items()}


@pytest.mark.parametrize("retain", [False, True])
def test_only_what_one_may_say_arrives(stand: Stand, retain: bool) -> None:
    writes, reads = rights_of(stand)
    with ExitStack() as stack:
        voices = everybody(stack, stand)
        witness = stack.enter_context(speaking(stand, WITNESS, "#"))
        clear_kept(stand, witness)
        for name, voice in voices.items():
            for topic in topics_of(stand):
                voice.say(topic, name.encode(), retain=retain)
        control(stand, voices, witness, b"control")
        allowed = {(topic, name.encode()) for name, topics in writes.items() for topic in topics}
        assert set(witness.heard) == allowed
        for name, voice in voices.items():
            wait_until(lambda voice=voice: not unheard(voice, allowed, reads[name]))  # type: ignore[misc]  # noqa: B023
            assert {each for each in voice.heard if each[1] != b"control"} == {
                (topic, said) for topic, said in allowed if topic in reads[name]
            }
        if retain:
            assert kept(stand) == {topic for topic, _ in allowed}
        clear_kept(stand, witness)


def unheard(voice: Voice, allowed: set[tuple[str, bytes]], reads: set[str]) -> set[tuple[str, bytes]]:
    return {(topic, said) for topic, said in allowed if topic in reads} - set(voice.heard)


def test_only_the_will_one_may_leave_arrives(stand: Stand) -> None:
    writes, _ = rights_of(stand)
    speaker, _ = CONTROL[stand.link]
    with speaking(stand, WITNESS, "#") as witness:
        clear_kept(stand, witness)
        for name in writes:
            for each in topics_of(stand):
                die_with_will(stand, name, each)
        with speaking(stand, speaker) as allowed:
            control(stand, {speaker: allowed}, witness, b"control")
        wanted = {(topic, f"will of {name}".encode()) for name, topics in writes.items() for topic in topics}
        wait_until(lambda: wanted <= set(witness.heard), what="the wills")
        assert set(witness.heard) == wanted
        assert kept(stand) == {topic for topic, _ in wanted}
        clear_kept(stand, witness)


def die_with_will(stand: Stand, name: str, topic: str) -> None:
    """Connect with a will and lose the connection; a broker may refuse the connection instead."""
    client = stand.client(name)
    client.will_set(topic, f"will of {name}".encode(), 1, retain=True)
    client._reconnect_on_failure = False
    told: list[object] = []
    client.on_connect = lambda _c, _u, _f, reason, _p: told.append(reason)
    client.on_disconnect = lambda *_: told.append("gone")
    client.connect("127.0.0.1", stand.port)
    client.loop_start()
    wait_until(lambda: bool(told), what="an answer")
    wire = client.socket()
    if isinstance(wire, socket.socket):
        wire.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: "gone" in told, what="the end")
    client.loop_stop()


def test_only_what_one_may_hear_is_heard_whatever_one_subscribes_to(stand: Stand) -> None:
    _, reads = rights_of(stand)
    everything = [*WIDE[stand.link], *SHARED[stand.link], *topics_of(stand), "$SYS/#", "$MQTT/sub/#"]
    with ExitStack() as stack:
        voices = everybody(stack, stand)
        witness = stack.enter_context(speaking(stand, WITNESS, "#"))
        clear_kept(stand, witness)
        for topic in topics_of(stand):
            witness.say(topic, b"kept", retain=True)
        for voice in voices.values():
            voice.listen(*everything)
        for topic in topics_of(stand):
            witness.say(topic, b"live")
        _, last = CONTROL[stand.link]
        control(stand, voices, witness, b"control")
        assert {topic for topic, said in witness.heard if said == b"live"} == set(topics_of(stand))
        for name, voice in voices.items():
            wanted = {(topic, said) for topic in reads[name] for said in (b"kept", b"live")}
            wait_until(lambda voice=voice, wanted=wanted: wanted <= set(voice.heard), what=f"{name} hears")  # type: ignore[misc]
            barrier(voice)
            heard = {each for each in voice.heard if each != (last, b"control")}
            assert heard == wanted, name
        clear_kept(stand, witness)


def barrier(voice: Voice) -> None:
    """Whatever the broker had sent before this answer has been heard."""
    voice.listen("barrier")


def kept(stand: Stand) -> set[str]:
    """What a newcomer who may hear everything is told at once."""
    with speaking(stand, LATECOMER, "#") as late:
        late.say("the/end", b"end")
        wait_until(lambda: ("the/end", b"end") in late.heard)
        return late.topics() - {"the/end"}


def clear_kept(stand: Stand, witness: Voice) -> None:
    """Leave nothing for the next test."""
    for topic in topics_of(stand):
        witness.say(topic, b"", retain=True)
    witness.say("the/end", b"cleared")
    wait_until(lambda: ("the/end", b"cleared") in witness.heard)
    witness.heard.clear()
