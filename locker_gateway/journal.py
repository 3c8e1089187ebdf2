"""Log lines: one JSON object a fact on standard output, with the same keys as the other programs.

A flood of one kind of line is thinned to twenty a second; what was left out is counted in the next line of its kind.
"""

from collections.abc import Mapping

import structlog

from locker_gateway.outputs import Said
from locker_protocol.clock import Clock

LINES_A_SECOND = 20


def configure_logging(*, site_no: int, gateway: str) -> None:
    """Write structured lines to standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(program="gateway", site=site_no, gateway=gateway)


class Journal:
    """Writes lines, thinning floods."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log = structlog.get_logger()
        self._second = 0
        self._lines: dict[str, int] = {}
        self._left_out: dict[str, int] = {}

    def say(self, said: Said) -> None:
        """Write one line of the core's."""
        self.write(said.event, said.fields, level=said.level)

    def write(self, event: str, fields: Mapping[str, object], *, level: str = "info") -> None:
        """Write one line, or count it as left out."""
        second = self._clock.now().monotonic_ms // 1000
        if second != self._second:
            self._second, self._lines = second, {}
        self._lines[event] = self._lines.get(event, 0) + 1
        if self._lines[event] > LINES_A_SECOND:
            self._left_out[event] = self._left_out.get(event, 0) + 1
            return
        left_out = self._left_out.pop(event, 0)
        more = {"left_out": left_out} if left_out else {}
        write = self._log.warning if level == "warning" else self._log.info
        write(event, **fields, **more)
