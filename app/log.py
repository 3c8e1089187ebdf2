"""One JSON line a fact, the same keys in every program, `order_id` on whatever concerns an order.

Never a name, a phone number or a code.
"""

import logging
import sys

import structlog


def configure_logging(program: str) -> None:
    """Send structured lines, and those of libraries, to standard output."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            _says(program),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _says(program: str) -> structlog.typing.Processor:
    """Name the program on every line; context variables would name it in the first thread only."""

    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"program": program, **event}

    return add
