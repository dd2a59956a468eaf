"""``--sweep KEY=VALUES``: what varies besides models and chips, and the settings that follow.

``batch=1,2,4..64`` doubles from 4 to 64. ``bits.weight=4,8`` changes one role and leaves the others as chosen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mapper.choices import MAX_SIZE, RunOptions, read_choices
from workloads.errors import UserError, did_you_mean
from workloads.model import Choices

SIZES = ("batch", "context", "prompt", "output")
TEXTS = ("bits", "zeros", "parallel")
"""Options that hold ``name=value`` pairs, of which a sweep may vary one."""
EXAMPLES = ("batch", "context", "prompt", "output", "bits", "bits.weight", "zeros.activation", "parallel.tensor")
MOST_POINTS = 1_000_000


class SweepError(UserError):
    """A sweep that cannot be read."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A key and its values, as text."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of swept values with all else that was chosen.

    Attributes:
        swept: key and value of every sweep.
        bits, zeros, parallel: as on the command line; None where nothing is chosen.
    """

    swept: tuple[tuple[str, str], ...]
    choices: Choices
    prompt: int | None = None
    output: int | None = None
    bits: str | None = None
    zeros: str | None = None
    parallel: str | None = None


def parse_sweeps(texts: Sequence[str]) -> tuple[Sweep, ...]:
    """The sweeps of a command line.

    Raises:
        SweepError: not ``KEY=VALUES``, an unknown key, a key twice, or a value twice or out of range.
    """
    sweeps = tuple(map(_parse, texts))
    keys = [sweep.key for sweep in sweeps]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise SweepError(f"--sweep: {twice} is swept twice; write all its values into one")
    return sweeps


def _parse(text: str) -> Sweep:
    key, equals, listed = text.partition("=")
    key = key.strip()
    if not equals:
        raise SweepError(f"--sweep: expected KEY=VALUES as in batch=1,2,4..64, got {text!r}")
    head, dot, name = key.partition(".")
    if not (head in (*SIZES, "bits") and not dot) and not (head in TEXTS and name):
        hint = did_you_mean(key, EXAMPLES) or f"; known: {', '.join(EXAMPLES)}"
        raise SweepError(f"--sweep: unknown key {key!r}{hint}")
    values = [value for item in listed.split(",") for value in _values(key, item.strip())]
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise SweepError(f"--sweep {key}: {twice} occurs twice in {listed!r}")
    return Sweep(key, tuple(values))


def _values(key: str, item: str) -> list[str]:
    if key.startswith("zeros."):
        return [_fraction(key, item)]
    low, dots, high = item.partition("..")
    first = _whole(key, low)
    if not dots:
        return [str(first)]
    last = _whole(key, high)
    count = int(math.log2(last / first)) if last >= first else -1
    found = [first << place for place in range(count + 1)]
    if not found or found[-1] != last:
        near = f"{first}..{found[-1]} or {first}..{2 * found[-1]}" if found else f"{last}..{first}"
        raise SweepError(f"--sweep {key}: doubling from {first} does not end at {last}; did you mean {near}?")
    return list(map(str, found))


def _whole(key: str, text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= MAX_SIZE and len(text) < 12):
        raise SweepError(f"--sweep {key}: expected whole numbers from 1 to {MAX_SIZE:,}, or A..B, got {text!r}")
    return int(text)


def _fraction(key: str, text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise SweepError(f"--sweep {key}: expected fractions from 0 to 1, got {text!r}")
    return text


def settings_of(
    sweeps: Sequence[Sweep], options: RunOptions, prompt: int | None = None, output: int | None = None
) -> tuple[Setting, ...]:
    """Every combination of swept values, the last sweep varying fastest; one setting where nothing is swept.

    Raises:
        SweepError: more combinations than anyone could wait for.
        UserError: a value that precision, zeros or devices cannot take.
    """
    count = math.prod(len(sweep.values) for sweep in sweeps)
    if count > MOST_POINTS:
        raise SweepError(f"--sweep: {count:,} combinations are more than {MOST_POINTS:,}")
    found: list[Setting] = []
    for values in itertools.product(*(sweep.values for sweep in sweeps)):
        swept = tuple((sweep.key, value) for sweep, value in zip(sweeps, values, strict=True))
        found.append(_setting(swept, options, prompt, output))
    return tuple(found)


def _setting(
    swept: tuple[tuple[str, str], ...], options: RunOptions, prompt: int | None, output: int | None
) -> Setting:
    sizes = {"batch": options.batch, "context": options.context, "prompt": prompt, "output": output}
    texts = {"bits": options.bits, "zeros": options.zeros, "parallel": options.parallel}
    for key, value in swept:
        head, dot, name = key.partition(".")
        if head in sizes:
            sizes[head] = int(value)
        else:
            texts[head] = _with_pair(texts[head], name, value) if dot else value
    changed = replace(options, batch=sizes["batch"] or 1, context=sizes["context"], **texts)
    return Setting(swept, read_choices(changed), sizes["prompt"], sizes["output"], **texts)


def _with_pair(text: str | None, name: str, value: str) -> str:
    """``name=value`` pairs with one of them changed or added; a single number for all roles is spelt out."""
    if text is not None and "=" not in text:
        from workloads.precision import parse_bits

        text = ",".join(f"{role}={bits}" for role, bits in parse_bits(text).items())
    pairs: dict[str, str] = {}
    for item in (text or "").split(","):
        key, _, given = item.partition("=")
        if key.strip():
            pairs[key.strip()] = given.strip()
    return ",".join(f"{key}={given}" for key, given in {**pairs, name: value}.items())
