"""The page's API: what hands can do over HTTP, and what is answered to nonsense."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from firmware_sim.device import LockerDevice
from firmware_sim.faults import KINDS
from firmware_sim.page import make_app
from firmware_sim.signals import Received
from locker_protocol.bus_messages import CodeScanned, KeysEntered, Show, Unlock
from locker_protocol.vocabulary import Refusal

Client = TestClient[Any, Any]
WithDevice = Callable[[Callable[[LockerDevice], Coroutine[None, None, None]]], None]
Scenario = Callable[[Client, LockerDevice], Awaitable[None]]


@pytest.fixture
def with_page(with_device: WithDevice) -> Callable[[Scenario], None]:
    """Run a scenario with a browser's view of one locker."""

    def run(scenario: Scenario) -> None:
        async def with_client(device: LockerDevice) -> None:
            async with TestClient(TestServer(make_app({"T1": device}))) as client:
                await scenario(client, device)

        with_device(with_client)

    return run


def unlocked(device: LockerDevice, door: int) -> None:
    controller = device.controller
    assert controller is not None
    device.feed(Received(Unlock(f"c{door}", door, controller.boot_id, 0)))


async def state(client: Client) -> dict[str, Any]:
    answer: dict[str, Any] = await (await client.get("/api/T1/state")).json()
    return answer


def test_a_scan_and_keys_reach_the_controller(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, device: LockerDevice) -> None:
        await client.post("/api/T1/scan", json={"text": "L1AB \x1b"})
        await client.post("/api/T1/keys", json={"digits": "07 482 193"})
        for key in ("4", "enter"):
            await client.post("/api/T1/keys", json={"key": key})
        assert device.controller is not None
        events = [kept.event for kept in device.controller.memory.events]
        assert events == [CodeScanned("L1AB "), KeysEntered("07482193"), KeysEntered("4")]

    with_page(scenario)


def test_an_opened_door_is_filled_and_pushed_shut(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, device: LockerDevice) -> None:
        unlocked(device, 2)
        for action in ("put", "shut"):
            assert (await client.post("/api/T1/doors/2", json={"action": action})).status == 200
        door = (await state(client))["doors"][1]
        assert (door["state"], door["bags"]) == ("shut", 1)

    with_page(scenario)


def test_a_pulled_plug_darkens_everything_and_doors_stay(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, device: LockerDevice) -> None:
        unlocked(device, 2)
        seen = await (await client.post("/api/T1/power", json={"on": False})).json()
        assert seen["power"] is False
        assert seen["show"] is None
        assert [zone["air_c"] for zone in seen["zones"]] == [None, None]
        assert seen["doors"][1]["state"] == "open"
        assert seen["doors"][1]["lit"] is False
        await client.post("/api/T1/scan", json={"text": "A"})
        again = await (await client.post("/api/T1/power", json={"on": True})).json()
        assert again["boot_id"] != seen["boot_id"]

    with_page(scenario)


def test_a_zone_is_warmed_and_its_thermometer_says_so(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, _device: LockerDevice) -> None:
        before_c = (await state(client))["zones"][0]["air_c"]
        seen = await (await client.post("/api/T1/zones/chilled", json={"warm_by_c": 10})).json()
        assert seen["zones"][0]["air_c"] == pytest.approx(before_c + 10, abs=0.3)

    with_page(scenario)


def test_the_stream_tells_the_state_at_once_and_after_each_change(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, device: LockerDevice) -> None:
        async with client.get("/api/T1/events") as stream:
            first = await told(stream)
            device.feed(Received(Show("refused", refusal=Refusal.SPENT)))
            second = await told(stream)
        assert first["show"] is None
        assert second["show"]["refusal"] == "spent"
        assert second["shown"] == 1

    with_page(scenario)


async def told(stream: ClientResponse) -> dict[str, Any]:
    line = await asyncio.wait_for(stream.content.readuntil(b"\n\n"), 5)
    message: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
    return message


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "field"),
    [
        ("T1/scan", b"{", 400, "not_json", None),
        ("T1/scan", b'{"text": "\xff\xfe"}', 400, "not_json", None),
        ("T1/scan", b"[]", 400, "bad_field", None),
        ("T1/scan", b"{}", 400, "bad_field", "text"),
        ("T1/scan", b'{"text": 7}', 400, "bad_field", "text"),
        ("T1/scan", b'{"text": ""}', 400, "bad_field", "text"),
        ("T1/scan", b'{"text": "A", "extra": 1}', 400, "bad_field", "extra"),
        ("T1/scan", b'{"text": "' + b"A" * 70_000 + b'"}', 413, "too_large", None),
        ("T1/keys", b"{}", 400, "nothing_asked", None),
        ("T1/keys", b'{"key": "#"}', 400, "bad_field", "key"),
        ("T1/keys", b'{"digits": "12a"}', 400, "bad_field", "digits"),
        ("T1/doors/9", b'{"action": "shut"}', 404, "door_unknown", "door"),
        ("T1/doors/-1", b'{"action": "shut"}', 404, "door_unknown", "door"),
        ("T1/doors/%D9%A2", b'{"action": "put"}', 404, "door_unknown", "door"),
        ("T1/doors/2", b'{"action": "explode"}', 400, "bad_field", "action"),
        ("T1/doors/2", b'{"action": "shut"}', 409, "already_shut", None),
        ("T1/doors/2", b'{"action": "put"}', 409, "not_open", None),
        ("T1/zones/lukewarm", b'{"warm_by_c": 1}', 404, "zone_unknown", "zone"),
        ("T1/zones/frozen", b'{"warm_by_c": 1}', 404, "zone_unknown", "zone"),
        ("T1/zones/ambient", b'{"target_c": 3, "ambient_c": 40}', 409, "not_cooled", None),
        ("T1/faults", b'{"name": "compressor_dead", "zone": "ambient"}', 400, "fault_not_cooled", "zone"),
        ("T1/zones/chilled", b"{}", 400, "nothing_asked", None),
        ("T1/zones/chilled", b'{"warm_by_c": 1e9}', 400, "bad_field", "warm_by_c"),
        ("T1/zones/chilled", b'{"target_c": NaN}', 400, "not_json", None),
        ("T1/power", b'{"on": "yes"}', 400, "bad_field", "on"),
        ("NOPE/power", b'{"on": true}', 404, "locker_unknown", "locker"),
        ("T1/faults", b"{}", 400, "bad_field", "name"),
        ("T1/faults", b'{"name": "explodes"}', 400, "bad_field", "name"),
        ("T1/faults", b'{"name": "network_cut", "colour": 1}', 400, "bad_field", "colour"),
        ("T1/faults", b'{"name": "jams_shut"}', 400, "fault_place", "door"),
        ("T1/faults", b'{"name": "jams_shut", "door": 9}', 404, "door_unknown", None),
        ("T1/faults", b'{"name": "contact_miswired", "door": 1, "amount": 9}', 404, "door_unknown", None),
        ("T1/faults", b'{"name": "contact_miswired", "door": 1}', 400, "fault_amount_needed", "amount"),
        ("T1/faults", b'{"name": "probe_stuck", "zone": "frozen", "probe": "air"}', 404, "zone_unknown", None),
        ("T1/faults", b'{"name": "network_slow", "amount": 1e9}', 400, "fault_amount", "amount"),
        ("T1/faults", b'{"name": "network_lossy", "one_in": 0}', 400, "fault_chance", "one_in"),
        ("T1/faults", b'{"name": "locks_dead", "one_in": 2}', 400, "fault_no_chance", "one_in"),
        ("T1/faults", b'{"name": "locks_dead", "amount": 2}', 400, "fault_no_amount", "amount"),
        ("T1/faults", b'{"name": "locks_dead", "for_s": 0}', 400, "bad_field", "for_s"),
        ("T1/faults", b'{"name": "watchdog_bites", "on": false}', 400, "fault_moment", "on"),
        ("T1/faults", b'{"name": "watchdog_bites", "for_s": 3}', 400, "fault_moment", "for_s"),
        ("T1/faults/clear", b"{}", 400, "bad_field", "all"),
        ("T1/faults/clear", b'{"all": false}', 400, "bad_field", "all"),
        ("NOPE/faults", b'{"name": "network_cut"}', 404, "locker_unknown", "locker"),
        ("T1/doors/2", b'{"action": "stick"}', 400, "bad_field", "action"),
        ("T1/nothing", b"{}", 404, "not_found", None),
        ("T1/state", b"{}", 405, "bad_method", None),
    ],
)
def test_nonsense_gets_a_problem_and_changes_nothing(
    with_page: Callable[[Scenario], None], path: str, body: bytes, status: int, code: str, field: str | None
) -> None:
    async def scenario(client: Client, device: LockerDevice) -> None:
        before = look_of(device)
        response = await client.post(f"/api/{path}", data=body, headers={"Content-Type": "application/json"})
        problem = await response.json(content_type="application/problem+json")
        assert (response.status, problem["code"], problem["field"]) == (status, code, field)
        assert problem["message"]
        assert look_of(device) == before

    with_page(scenario)


def look_of(device: LockerDevice) -> str:
    return repr((device.cabinet.doors, list(device.board), device.controller and device.controller.memory))


def test_a_fault_is_switched_on_seen_and_switched_off(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, device: LockerDevice) -> None:
        jam = {"name": "jams_shut", "door": 2}
        seen = await (await client.post("/api/T1/faults", json=jam)).json()
        assert {**jam, "one_in": 1} in seen["faults"]
        assert seen["doors"][1]["state"] == "jammed"
        assert (await (await client.get("/api/T1/faults")).json())["faults"] == seen["faults"]
        after = await (await client.post("/api/T1/faults", json={**jam, "on": False})).json()
        assert [fault["name"] for fault in after["faults"]] == ["network_cut"]

    with_page(scenario)


def test_all_faults_are_cleared_at_once(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, device: LockerDevice) -> None:
        for fault in ({"name": "jams_shut", "door": 2}, {"name": "power_cut"}, {"name": "network_slow", "amount": 9}):
            await client.post("/api/T1/faults", json=fault)
        after = await (await client.post("/api/T1/faults/clear", json={"all": True})).json()
        assert after["faults"] == []
        assert after["power"] is True

    with_page(scenario)


def test_a_switch_and_its_fault_are_the_same(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, device: LockerDevice) -> None:
        seen = await (await client.post("/api/T1/lock-supply", json={"on": False})).json()
        assert {"name": "locks_dead"} in seen["faults"]
        assert seen["lock_supply"] is False
        again = await (await client.post("/api/T1/faults", json={"name": "locks_dead", "on": False})).json()
        assert again["lock_supply"] is True

    with_page(scenario)


def test_the_vocabulary_is_told_with_its_numbers(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, _device: LockerDevice) -> None:
        told = await (await client.get("/api/faults")).json()
        assert [kind["name"] for kind in told["kinds"]] == list(KINDS)
        assert told["file"] is None

    with_page(scenario)


def test_what_is_not_sent_as_json_is_refused_so_that_no_other_site_can_send_it(
    with_page: Callable[[Scenario], None],
) -> None:
    async def scenario(client: Client, _device: LockerDevice) -> None:
        response = await client.post("/api/T1/power", data=b'{"on": false}', headers={"Content-Type": "text/plain"})
        assert response.status == 415
        assert (await state(client))["power"] is True

    with_page(scenario)


@pytest.mark.parametrize(("accept", "message"), [("en-GB,en", "The door is already shut."), ("zh-CN", "门已经关着。")])
def test_a_problem_speaks_the_language_asked_for(
    with_page: Callable[[Scenario], None], accept: str, message: str
) -> None:
    async def scenario(client: Client, _device: LockerDevice) -> None:
        headers = {"Accept-Language": accept}
        response = await client.post("/api/T1/doors/2", json={"action": "shut"}, headers=headers)
        assert (await response.json(content_type="application/problem+json"))["message"] == message

    with_page(scenario)


@pytest.mark.parametrize("path", ["/", "/T1", "/static/locker.js", "/words/zh.json", "/api/T1/plan", "/api/lockers"])
def test_pages_are_served_with_a_policy_that_forbids_inline_code(
    with_page: Callable[[Scenario], None], path: str
) -> None:
    async def scenario(client: Client, _device: LockerDevice) -> None:
        response = await client.get(path)
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy

    with_page(scenario)


def test_an_unknown_locker_has_no_page(with_page: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client, _device: LockerDevice) -> None:
        assert (await client.get("/NOPE")).status == 404

    with_page(scenario)
