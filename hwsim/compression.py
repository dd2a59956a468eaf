"""How much smaller data become on a link that codes runs of zeros, from the fraction of zeros alone."""

from __future__ import annotations

from collections.abc import Mapping

from hwsim.chip import Chip, Compression
from hwsim.nest import Nest
from hwsim.operand import Operand


def values_per_pair(run_bits: int, zeros: float) -> float:
    """Expected values that one pair of a run-length code stands for, if every value is zero independently.

    A pair is a run of 0 to L = 2**run_bits - 1 zeros and the value that follows, so it stands for one value and for one
    more for each k in 1..L with at least k zeros in a row: 1 + z + z**2 + ... + z**L. Zeros of real feature maps come
    in clusters, which fill the runs better; the code of Eyeriss is limited by the width of its values all the same.
    """
    longest = 2**run_bits - 1
    return float(longest + 1) if zeros >= 1 else (1 - zeros ** (longest + 1)) / (1 - zeros)


def stored_fraction(code: Compression, zeros: float, bits: int) -> float:
    """Bits on the link over bits of the plain data, at most 1: what coding would enlarge stays plain.

    Args:
        code: the run-length code of a link.
        zeros: fraction of the values that are zero, 0 to 1.
        bits: width of a value in the plain data; values wider than the code's stay plain.

    Source: Chen et al., Eyeriss, JSSC 2017: three pairs of a 5-bit run and a 16-bit level in 64 bits; the feature maps
    of all layers are coded except the input of the first, which has no zeros.
    """
    if bits > code.value_bits:
        return 1.0
    per_pair = code.word_bits / code.pairs_per_word
    return min(1.0, per_pair / (bits * values_per_pair(code.run_bits, zeros)))


def stored_fractions(chip: Chip, outer: str, inner: str | None, nest: Nest) -> Mapping[Operand, float]:
    """Size of each operand of a nest between two memories relative to plain data; operands not named stay plain.

    Partial sums are never coded.
    """
    codes = [
        link.compression
        for link in chip.links.values()
        if link.compression is not None and set(link.between) == {outer, inner}
    ]
    fractions: dict[Operand, float] = {}
    for code in codes:
        for role in code.operands:
            operand = nest.operand(role)
            fraction = stored_fraction(code, operand.zeros, operand.bits)
            fractions[role] = min(fraction, fractions.get(role, 1.0))
    return fractions


def least_fraction(chip: Chip, outer: str, zeros: float, bits: int) -> float:
    """The smallest size that any link of a memory could give data with so many zeros, for lower bounds."""
    codes = [link.compression for link in chip.links.values() if outer in link.between]
    return min((stored_fraction(code, zeros, bits) for code in codes if code is not None), default=1.0)
