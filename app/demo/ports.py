"""Loopback ports for the demo's parts. Decides which are free now; whoever gets one must bind it soon."""

import socket
from contextlib import closing

from locker_protocol.ids import random_bytes

# Below the range from which the kernel takes the ports of outgoing connections, so that none of ours is taken
# between the moment it is chosen and the moment its program binds it.
LOWEST, HIGHEST = 18_000, 31_999
TRIES = 200


def is_free(port: int) -> bool:
    """True when 127.0.0.1:port can be bound now. A connection that has just ended there does not count."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """True when something accepts connections on 127.0.0.1:port."""
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port(wish: int | None = None) -> int:
    """Take `wish` where it is free, else a random one."""
    if wish is not None and is_free(wish):
        return wish
    for _ in range(TRIES):
        port = LOWEST + int.from_bytes(random_bytes(4)) % (HIGHEST - LOWEST + 1)
        if is_free(port):
            return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST} on 127.0.0.1")
