"""The virtual locker in a browser: pages, a JSON API for hands, and a stream of the locker's state.

It turns requests into what a person could do in front of the cabinet, and shows what that person would see. It never
opens a lock: only a command from the gateway does.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import msgspec
from aiohttp import web

from firmware_sim.device import LockerDevice
from firmware_sim.fault_runner import FaultRunner
from firmware_sim.faults import KINDS, Fault, FaultError, FaultName
from firmware_sim.hands import SetZone, UseDoor
from firmware_sim.hardware import HandRefusedError
from firmware_sim.requests import (
    MAX_BODY_BYTES,
    ClearRequest,
    DoorRequest,
    FaultRequest,
    KeysRequest,
    ProblemError,
    ScanRequest,
    SwitchRequest,
    ZoneRequest,
    read_body,
)
from firmware_sim.settings import SettingsError
from firmware_sim.view import StateView, state_of
from firmware_sim.words import preferred, words
from locker_protocol.vocabulary import Zone

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATIC = Path(__file__).with_name("static")
DEVICES = web.AppKey("devices", Mapping[str, LockerDevice])
RUNNER = web.AppKey("runner", FaultRunner)
CLOSING = web.AppKey("closing", asyncio.Event)
QUIET_S = 15.0
# At most so many states a second go to one viewer, however fast things happen.
FRAME_S = 0.03
HEADERS = {
    # The decoder for browsers without their own is WebAssembly.
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}


def make_app(devices: Mapping[str, LockerDevice], faults: FaultRunner | None = None) -> web.Application:
    """Build the web application for these lockers; `faults` has their fault file."""
    app = web.Application(middlewares=[_problems, _headers], client_max_size=MAX_BODY_BYTES)
    app[DEVICES] = devices
    if faults is not None:
        app[RUNNER] = faults
    app[CLOSING] = asyncio.Event()
    app.on_shutdown.append(_close_streams)
    app.router.add_static("/static/", STATIC)
    app.add_routes(
        [
            web.get("/", _page("index.html")),
            web.get("/words/{language:zh|en}.json", _words),
            web.get("/api/lockers", _lockers),
            web.get("/api/faults", _kinds),
            web.get("/api/{locker}/plan", _plan),
            web.get("/api/{locker}/faults", _faults),
            web.post("/api/{locker}/faults", _switch_fault),
            web.post("/api/{locker}/faults/clear", _clear_faults),
            web.get("/api/{locker}/state", _state),
            web.get("/api/{locker}/events", _events),
            web.post("/api/{locker}/scan", _scan),
            web.post("/api/{locker}/keys", _keys),
            web.post("/api/{locker}/doors/{door}", _door),
            web.post("/api/{locker}/zones/{zone}", _zone),
            web.post("/api/{locker}/power", _switch("power_cut")),
            web.post("/api/{locker}/network", _switch("network_cut")),
            web.post("/api/{locker}/lock-supply", _switch("locks_dead")),
            web.get("/{locker}", _page("locker.html")),
        ],
    )
    return app


@asynccontextmanager
async def serve(
    devices: Mapping[str, LockerDevice], host: str, port: int, faults: FaultRunner | None = None
) -> AsyncIterator[int]:
    """Serve the page on the running loop; gives the port, which for 0 the system chose. Raises SettingsError."""
    runner = web.AppRunner(make_app(devices, faults), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise SettingsError(f"Nothing can be served at {host}:{port}: {error.strerror}.") from error


# --- pages and words --------------------------------------------------------------------------------------------------


def _page(name: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        if "locker" in request.match_info:
            _device(request)
        return web.FileResponse(STATIC / name)

    return handler


async def _words(request: web.Request) -> web.Response:
    return _json(words("en" if request.match_info["language"] == "en" else "zh"))


async def _lockers(request: web.Request) -> web.Response:
    return _json([device.plan for device in request.app[DEVICES].values()])


async def _plan(request: web.Request) -> web.Response:
    return _json(_device(request).plan)


# --- state ------------------------------------------------------------------------------------------------------------


async def _state(request: web.Request) -> web.Response:
    return _json(_view(_device(request)))


async def _events(request: web.Request) -> web.StreamResponse:
    """Stream the state, whole, whenever it changes: a viewer that missed one needs no other."""
    device = _device(request)
    response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    changed = asyncio.Event()
    forget = device.watch(changed.set)
    closing = request.app[CLOSING]
    try:
        while not closing.is_set():
            await response.write(b"data: %s\n\n" % msgspec.json.encode(_view(device)))
            await asyncio.sleep(FRAME_S)
            await _either(changed, closing)
            changed.clear()
    except ConnectionResetError:
        pass  # the viewer has gone
    finally:
        forget()
    return response


async def _either(changed: asyncio.Event, closing: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in (changed, closing)]
    await asyncio.wait(waits, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def _close_streams(app: web.Application) -> None:
    app[CLOSING].set()


# --- hands ------------------------------------------------------------------------------------------------------------


async def _scan(request: web.Request) -> web.Response:
    device, asked = _device(request), await _body(request, ScanRequest)
    device.scan(asked.text)
    return _json(_view(device))


async def _keys(request: web.Request) -> web.Response:
    device, asked = _device(request), await _body(request, KeysRequest)
    device.press(asked.keys())
    return _json(_view(device))


async def _door(request: web.Request) -> web.Response:
    device, door = _device(request), request.match_info["door"]
    if not (door.isascii() and door.isdecimal()) or int(door) not in device.cabinet.doors:
        raise ProblemError(HTTPStatus.NOT_FOUND, "door_unknown", "door")
    asked = await _body(request, DoorRequest)
    return _apply(device, UseDoor(int(door), asked.action))


async def _zone(request: web.Request) -> web.Response:
    device, name = _device(request), request.match_info["zone"]
    if name not in {zone.value for zone in device.fridges}:
        raise ProblemError(HTTPStatus.NOT_FOUND, "zone_unknown", "zone")
    asked = await _body(request, ZoneRequest)
    return _apply(device, SetZone(Zone(name), asked.ambient_c, asked.target_c, asked.warm_by_c))


def _switch(fault: FaultName) -> Handler:
    """A switch that is on while its fault is off."""

    async def handler(request: web.Request) -> web.StreamResponse:
        device, asked = _device(request), await _body(request, SwitchRequest)
        with _refusals():
            device.switches.switch(Fault(fault), on=not asked.on)
        return _json(_view(device))

    return handler


def _apply(device: LockerDevice, hand: UseDoor | SetZone) -> web.Response:
    with _refusals():
        device.apply(hand)
    return _json(_view(device))


# --- faults -----------------------------------------------------------------------------------------------------------


async def _kinds(request: web.Request) -> web.Response:
    """Every fault there is, and what is wrong with the fault file."""
    runner = request.app.get(RUNNER)
    file = None if runner is None else {"path": str(runner.path), "problem": runner.problem}
    return _json({"kinds": list(KINDS.values()), "file": file})


async def _faults(request: web.Request) -> web.Response:
    return _json({"faults": list(_device(request).board)})


async def _switch_fault(request: web.Request) -> web.Response:
    device, asked = _device(request), await _body(request, FaultRequest)
    with _refusals():
        device.switches.switch(asked.fault(), on=asked.on, for_s=asked.for_s)
    return _json(_view(device))


async def _clear_faults(request: web.Request) -> web.Response:
    device, _ = _device(request), await _body(request, ClearRequest)
    device.switches.clear()
    return _json(_view(device))


@contextmanager
def _refusals() -> Iterator[None]:
    """What the locker refuses, as an answer."""
    try:
        yield
    except HandRefusedError as error:
        known = {"door_unknown", "zone_unknown"}
        raise ProblemError(HTTPStatus.NOT_FOUND if error.code in known else HTTPStatus.CONFLICT, error.code) from error
    except FaultError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, error.code, error.field) from error


# --- parts ------------------------------------------------------------------------------------------------------------


def _device(request: web.Request) -> LockerDevice:
    device = request.app[DEVICES].get(request.match_info["locker"])
    if device is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "locker_unknown", "locker")
    return device


async def _body(request: web.Request, kind: type[T]) -> T:
    """Only JSON is taken: a form on another site cannot send it here without asking the browser first."""
    if request.content_type != "application/json":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json")
    return read_body(await request.read(), kind)


def _view(device: LockerDevice) -> StateView:
    return state_of(device, device.now().monotonic_ms)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as problem:
        return _problem(request, problem.status, problem.code, problem.field)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        code = {404: "not_found", 405: "bad_method", 413: "too_large"}.get(error.status, "bad_request")
        return _problem(request, HTTPStatus(error.status), code, None)


def _problem(request: web.Request, status: HTTPStatus, code: str, field: str | None) -> web.Response:
    """RFC 9457; `message` in the language the browser asked for."""
    message = words(preferred(request.headers.get("Accept-Language", "")))[f"problem.{code}"]
    body = {"title": status.phrase, "status": status.value, "code": code, "message": message, "field": field}
    response = _json(body, status.value)
    response.content_type = "application/problem+json"
    return response


@web.middleware
async def _headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    if not response.prepared:
        response.headers.update(HEADERS)
    return response
