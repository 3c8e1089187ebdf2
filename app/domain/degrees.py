"""A temperature as people type it: `3.5`, `3,5` or with a minus sign of any kind. Decides nothing about food."""

from app.domain.errors import DomainError

LONGEST = 8
COLDEST_C, WARMEST_C = -40.0, 60.0


class DegreesUnreadable(DomainError):
    """What was typed is no temperature."""

    code = "degrees_unreadable"
    status = 422


class ProbeUnlikely(DomainError):
    """A reading no food has. Facts: `least`, `most`."""

    code = "probe_unlikely"
    status = 422


def read_degrees(typed: str) -> float:
    """The °C that somebody typed. Raises DegreesUnreadable or ProbeUnlikely."""
    try:
        found = float(typed.strip()[:LONGEST].replace(",", ".").replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        raise DegreesUnreadable from None
    check_degrees(found)
    return found


def check_degrees(found: float) -> None:
    """Raise ProbeUnlikely unless food can have this temperature."""
    if not COLDEST_C <= found <= WARMEST_C:  # false for what is no number, too
        raise ProbeUnlikely(least=written(COLDEST_C), most=written(WARMEST_C))


def written(degrees: float) -> str:
    """As people read it, one digit behind the point."""
    return f"{degrees:.1f}".replace("-", "\N{MINUS SIGN}")
