"""Short numbers for people: an order's seven characters, and a parcel's eight, which begin with its order's.

Made from a counter by a fixed scramble, so they are unique without asking and do not show how many orders there are.
They are no secret and open nothing.
"""

from locker_protocol.ids import CROCKFORD

ORDER_LENGTH = 7
MOST_PARCELS = len(CROCKFORD)
SPACE = len(CROCKFORD) ** ORDER_LENGTH
# Odd, so multiplying is a bijection modulo a power of two; near the golden ratio, so neighbours land far apart.
FACTOR = 0x4F1BBCDCB


def order_no(number: int) -> str:
    """Write the order's number, 0 ≤ `number` < 32⁷."""
    assert 0 <= number < SPACE
    scrambled = number * FACTOR % SPACE
    return "".join(CROCKFORD[scrambled >> 5 * place & 31] for place in reversed(range(ORDER_LENGTH)))


def parcel_ref(order: str, index: int) -> str:
    """Write the reference on the label of an order's parcel, 0 ≤ `index` < 32."""
    return order + CROCKFORD[index]
