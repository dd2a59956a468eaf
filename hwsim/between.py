"""A quantity known only within a low and a high value, which arithmetic carries along."""

from __future__ import annotations

from typing import NamedTuple


class Between(NamedTuple):
    """A low and a high value; of costs, the optimistic and the pessimistic one."""

    low: float
    high: float

    def plus(self, other: Between) -> Between:
        """Both ends added."""
        return Between(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Between:
        """Both ends scaled by a factor of zero or more."""
        return Between(self.low * factor, self.high * factor)

    def over(self, other: Between) -> Between:
        """The quotient's range if both vary independently; the divisor is above zero."""
        return Between(self.low / other.high, self.high / other.low)


NOTHING = Between(0.0, 0.0)


def exactly(value: float) -> Between:
    """A value known without a range."""
    return Between(value, value)


def total(*parts: Between) -> Between:
    """The sum of ranges."""
    result = NOTHING
    for part in parts:
        result = result.plus(part)
    return result
