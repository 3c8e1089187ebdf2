"""Starts a site's gateway: settings, store, core, the two links, and one thread that runs the core."""

import os
import signal
import sys
from collections.abc import Mapping
from queue import Queue
from threading import Event

from locker_gateway.inputs import BusDown, BusMessage, BusUp, Input, Started, UplinkDown, UplinkMessage, UplinkUp
from locker_gateway.journal import Journal, configure_logging
from locker_gateway.loop import Loop
from locker_gateway.metrics import Metrics
from locker_gateway.mqtt_links import INBOX_LIMIT, Link, Plan, tls_context
from locker_gateway.outputs import Publish
from locker_gateway.settings import Settings, SettingsError, settings_from
from locker_gateway.site import UnreadableRecord, restore
from locker_gateway.state import Site, SiteConfig
from locker_gateway.store import Store, StoreFailed
from locker_gateway.turn import seal_up
from locker_protocol.clock import Clock, clock_from
from locker_protocol.ids import random_id
from locker_protocol.topics import bus_topic, uplink_topic
from locker_protocol.uplink_messages import GatewayDeath

STORE_FILE = "gateway.sqlite"
PAGES_A_MB = 256  # SQLite's pages are 4 KiB


def main() -> int:
    """Run until SIGTERM or SIGINT. 2: settings are missing; 1: the store failed."""
    try:
        settings = settings_from(os.environ)
        if settings.tls is not None:
            tls_context(settings.tls)
    except SettingsError as error:
        sys.stderr.write(f"locker_gateway: {error}\n")
        return 2
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    configure_logging(site_no=settings.site_no, gateway=settings.gateway)
    try:
        run(settings, clock_from(os.environ), stopping)
    except (StoreFailed, UnreadableRecord) as error:
        sys.stderr.write(f"locker_gateway: {error}\n")
        return 1
    return 0


def run(settings: Settings, clock: Clock, stopping: Event) -> None:
    """Run a gateway until `stopping` is set. Raises StoreFailed, UnreadableRecord."""
    store = Store(settings.data / STORE_FILE, max_pages=settings.store_mb * PAGES_A_MB)
    try:
        _run(settings, clock, stopping, store)
    finally:
        store.close()


def _run(settings: Settings, clock: Clock, stopping: Event, store: Store) -> None:
    site = restore(_site_config(settings), store.records())
    journal, metrics = Journal(clock), Metrics()
    inbox: Queue[Input] = Queue(INBOX_LIMIT)
    uplink, bus = _links(settings, site, clock, inbox, journal)
    links = {"uplink": uplink, "bus": bus}
    loop = Loop(
        site,
        store,
        clock=clock,
        inbox=inbox,
        send=lambda message: links[message.link].publish(message),
        say=journal.say,
        metrics=metrics,
    )
    loop.turn([Started()])
    if settings.metrics_port is not None:
        metrics.serve(settings.metrics_port)
    uplink.start()
    bus.start()
    try:
        loop.run(stopping)
    finally:
        bus.stop()
        uplink.stop(_death(site))
        journal.write("stopped", {})


def _site_config(settings: Settings) -> SiteConfig:
    return SiteConfig(
        settings.gateway,
        settings.site_no,
        settings.shard,
        settings.controllers,
        settings.service_keys,
        settings.private_key,
        random_id(),
    )


def _links(settings: Settings, site: Site, clock: Clock, inbox: Queue[Input], journal: Journal) -> tuple[Link, Link]:
    """The uplink, whose will tells of this boot's death, and the local bus."""

    def say(event: str, fields: Mapping[str, object]) -> None:
        journal.write(event, fields, level="info" if event == "link_up" else "warning")

    gateway = settings.gateway
    uplink = Plan(
        name="uplink",
        client_id=f"{gateway}-uplink",
        address=settings.uplink,
        tls=settings.tls,
        topics=(uplink_topic(settings.shard, gateway, "down"),),
        up=UplinkUp(),
        down=UplinkDown(),
        heard=lambda _topic, payload, _retained: UplinkMessage(payload, clock.now().monotonic_ms),
        will=_death(site),
    )
    bus = Plan(
        name="bus",
        client_id=f"{gateway}-bus",
        address=settings.bus,
        tls=settings.tls,
        topics=(bus_topic(gateway, "+", "report"), bus_topic(gateway, "+", "presence")),
        up=BusUp(),
        down=BusDown(),
        heard=lambda topic, payload, retained: BusMessage(topic, payload, clock.now().monotonic_ms, retained),
    )
    return Link(uplink, inbox, say), Link(bus, inbox, say)


def _death(site: Site) -> Publish:
    config = site.config
    topic = uplink_topic(config.shard, config.gateway, "presence")
    return Publish("uplink", topic, seal_up(site, GatewayDeath(config.boot_id)), 1, retain=True)


if __name__ == "__main__":
    sys.exit(main())
