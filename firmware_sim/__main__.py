"""`python -m firmware_sim`: simulated controllers for every locker of a file, and the page that shows them.

`python -m firmware_sim fault …` switches faults of one that runs.

The one place that wires. It decides nothing.
"""

import asyncio
import os
import signal
import sys

import structlog

from firmware_sim.device import LockerDevice, Surroundings
from firmware_sim.fault_command import fault_command
from firmware_sim.fault_runner import FaultRunner
from firmware_sim.mqtt_device import keep_alive, tls_context
from firmware_sim.page import serve
from firmware_sim.settings import Settings, SettingsError, settings_from
from locker_protocol.clock import Clock, clock_from
from locker_protocol.ids import random_bytes

log = structlog.get_logger()


def main() -> int:
    """Start, run until SIGTERM or SIGINT, and return the exit code."""
    if sys.argv[1:2] == ["fault"]:
        return fault_command(sys.argv[2:], os.environ)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
    )
    structlog.contextvars.bind_contextvars(program="firmware_sim")
    try:
        asyncio.run(run(settings_from(os.environ), clock_from(os.environ)))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


async def run(settings: Settings, clock: Clock) -> None:
    """Power every locker up, serve the page, and wait to be stopped. Raises SettingsError."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"SIM_DATA, {settings.data}, cannot be made: {error.strerror}.") from error
    if settings.bus.tls is not None:
        for plan in settings.lockers:
            tls_context(settings.bus.tls, plan.locker_id)
    around = Surroundings(settings.bus, settings.data, clock, random_bytes)
    devices = {plan.locker_id: LockerDevice(plan, around) for plan in settings.lockers}
    for device in devices.values():
        device.power_on("restart")
    runner = FaultRunner(devices, *settings.faults) if settings.faults else None
    tasks = [asyncio.create_task(keep_alive(lambda: [device.link for device in devices.values()]))]
    if runner is not None:
        tasks.append(asyncio.create_task(runner.run()))
    async with serve(devices, settings.http_host, settings.http_port, runner) as port:
        log.info("ready", lockers=len(devices), port=port)
        await _stopped()
    for task in tasks:
        task.cancel()
    for device in devices.values():
        device.stop()
    log.info("stopped")


async def _stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
