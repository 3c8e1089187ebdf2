"""Numbers for Prometheus, taken from what the core decided; the core itself counts nothing."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from locker_gateway.outputs import AppendEvent, Output, PutMinutes, Said
from locker_protocol.site_events import AccessRefused, UnlockGranted


class Metrics:
    """This process's numbers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.grants = Counter("gateway_grants", "Grants by right", ["right", "via"], registry=self.registry)
        self.refusals = Counter("gateway_refusals", "Refusals by code", ["refusal"], registry=self.registry)
        self.said = Counter("gateway_log_events", "Log lines by event", ["event"], registry=self.registry)
        self.queued = Gauge("gateway_events_queued", "Events the service has not yet", registry=self.registry)
        self.store_share = Gauge("gateway_store_share", "How much of its quota the store uses", registry=self.registry)
        self.minutes = Counter("gateway_minutes", "Minutes of temperature kept", ["zone"], registry=self.registry)
        self.minutes_queued = Gauge(
            "gateway_minutes_queued", "Minutes the service has not yet, of all controllers", registry=self.registry
        )
        self.quarantined = Gauge("gateway_quarantined", "Parcels that nobody but staff gets", registry=self.registry)
        self.commit = Histogram(
            "gateway_commit_seconds", "One durable commit", registry=self.registry, buckets=_buckets()
        )
        self.scan_to_unlock = Histogram(
            "gateway_scan_to_unlock_seconds",
            "From the scan's arrival to its first unlock's departure",
            registry=self.registry,
            buckets=_buckets(),
        )

    def note(self, output: Output) -> None:
        """Count one output."""
        match output:
            case AppendEvent(event=UnlockGranted() as granted):
                self.grants.labels(granted.right.value, granted.via.value).inc()
            case AppendEvent(event=AccessRefused() as refused):
                self.refusals.labels(refused.refusal.value).inc(refused.times)
            case PutMinutes():
                for zone, _, _ in output.rows:
                    self.minutes.labels(zone.value).inc()
            case Said():
                self.said.labels(output.event).inc()
            case _:
                pass

    def serve(self, port: int) -> None:
        """Answer on the loopback interface; whoever scrapes from elsewhere puts a proxy before it."""
        start_http_server(port, addr="127.0.0.1", registry=self.registry)


def _buckets() -> tuple[float, ...]:
    return (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
