"""How a matrix lies over channels, banks and rows, and the command stream that multiplies it by a few vectors.

Output j of a product belongs to one MAC unit; the inputs run along the rows of its banks, so that a row, once open, is
read from end to end. All units of a channel work on the same columns at once. Weights lie this way, keys as one row of
the matrix per token (K row-wise), values with the tokens along the row (V column-wise); both grow at their ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hwsim.pim.commands import Do, Loop, Node, Played, Program, advanced
from hwsim.pim.timing import PimTiming


@dataclass(frozen=True, slots=True)
class Geometry:
    """What a chip's memory looks like to its MAC units.

    Attributes:
        channels: that work side by side.
        units: MAC units of a channel.
        lanes: multiplications of one unit and command.
        columns: MAC commands that one activation of all banks serves.
        buffer: elements of the input that a channel holds for its units.
        accumulators: results that a unit holds before they must be read.
        vectors: inputs that one MAC command multiplies with the weights it reads.
        burst: elements of one burst on the interface.
        result_lanes: sums per result that are added only outside.
        bias: whether the accumulators are set before every sum.
        sets: sets of banks; with two, one set opens its next row while the other works.
    """

    channels: int
    units: int
    lanes: int
    columns: int
    buffer: int
    accumulators: int = 1
    vectors: int = 1
    burst: int = 16
    result_lanes: int = 1
    sets: int = 1
    bias: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """``groups`` independent products of a matrix of n x k with ``vectors`` vectors of k elements each."""

    groups: int
    n: int
    k: int
    vectors: int = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to do a product.

    Attributes:
        split: groups that are worked on at the same time; the channels are shared evenly among them.
        order: "outputs": results stay in the accumulators until complete, the buffer is written anew for each pass;
            "inputs": the buffer is written once, partial sums are read for each piece of the input.
        chunk: elements of the input in the buffer at a time, of each of ``together`` vectors.
        together: vectors that are multiplied while a row is open.
        passes: rounds over the outputs of one group.
        program: commands of one channel.
        played: their time and counts.
    """

    split: int
    order: str
    chunk: int
    together: int
    passes: int
    program: Program
    played: Played


def best_layout(product: Product, shape: Geometry, timing: PimTiming) -> Layout:
    """The fastest layout; of equal ones that with the fewest activations, then the first."""
    return min(layouts(product, shape, timing), key=lambda one: (one.played.cycles, one.played.counts.get("ACT", 0)))


def layouts(product: Product, shape: Geometry, timing: PimTiming) -> Iterator[Layout]:
    """All layouts that are worth a look."""
    for split in _splits(product.groups, shape.channels):
        outputs = _up(product.n, shape.channels // split * shape.units)
        for together in _togethers(product.vectors, shape):
            at_once = min(together, shape.accumulators)
            passes = _up(outputs, shape.accumulators // at_once)
            held = _up(outputs, passes)
            rounds = _up(product.groups, split) * _up(product.vectors, together)
            for chunk in _chunks(product.k, _down(shape.buffer // together, shape.lanes), shape.lanes):
                pieces = _Pieces(product, shape, chunk, together, at_once, held, passes)
                for order, body in pieces.orders():
                    program = _repeat(rounds, body)
                    yield Layout(split, order, chunk, together, pieces.passes, program, advanced(program, timing))


def _splits(groups: int, channels: int) -> Iterator[int]:
    """Divisors of the channels that are not more than the groups, or the next one above."""
    yield from (split for split in range(1, channels + 1) if channels % split == 0 and split < 2 * groups)


def _togethers(vectors: int, shape: Geometry) -> Iterator[int]:
    """How many vectors are in the buffer at once: what a command multiplies, then doubled while it fits."""
    together = min(vectors, shape.vectors)
    while together * shape.lanes <= shape.buffer:
        yield together
        if together >= vectors:
            return
        together = min(2 * together, vectors)


def _chunks(k: int, most: int, lanes: int) -> tuple[int, ...]:
    """Pieces of the input: as large as the buffer, or as many equal ones."""
    equal = _up(_up(k, _up(k, most)), lanes) * lanes
    return (k,) if k <= most else tuple(sorted({most, equal}, reverse=True))


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Parts of the program of one group and one round of vectors.

    Attributes:
        at_once: vectors whose results the accumulators hold; the others of ``together`` follow while the row is open.
        held: outputs of a unit that are worked on at the same time.
    """

    product: Product
    shape: Geometry
    chunk: int
    together: int
    at_once: int
    held: int
    passes: int

    def orders(self) -> Iterator[tuple[str, Program]]:
        """The programs by order of the loops."""
        turns = self.together > self.at_once
        if not turns or _up(self.chunk, self.shape.lanes) * self.held <= self.shape.columns:
            yield "inputs", self._by_inputs()
        if self.chunk < self.product.k and not turns:
            yield "outputs", self._by_outputs()

    def _write(self, elements: int) -> Node:
        """The input's next piece into the buffer."""
        return Do("WR_GB", _up(elements * self.together, self.shape.burst))

    def _read(self) -> Node:
        """The results of all units: one burst carries those of as many units as it has elements."""
        bursts = _up(self.shape.units * self.shape.result_lanes, self.shape.burst)
        return Do("RD_MAC", self.held * self.at_once * bursts)

    def _bias(self) -> Program:
        """The accumulators set, where the units need it."""
        return (Do("WR_BIAS", self.held * self.at_once),) if self.shape.bias else ()

    def _macs(self, length: int, banks: int = 0) -> Node:
        """So many columns, each for all vectors at once."""
        return Do("MAC", length * _up(self.at_once, self.shape.vectors), banks)

    def _by_inputs(self) -> Program:
        program: list[Node] = []
        for times, size in _cut(self.product.k, self.chunk):
            segments = self._rows(self.passes, size, self._bias(), (self._read(),))
            program += _repeat(times, (self._write(size), *segments))
        return tuple(program)

    def _by_outputs(self) -> Program:
        body: list[Node] = []
        for times, size in _cut(self.product.k, self.chunk):
            body += self._rows(times, size, (self._write(size),), ())
        return _repeat(self.passes, (*self._bias(), *body, self._read()))

    def _rows(self, times: int, size: int, before: Program, after: Program) -> Program:
        """``times`` segments of MACs over ``size`` inputs, each between ``before`` and ``after``, packed into rows."""
        length, columns = self.held * _up(size, self.shape.lanes), self.shape.columns
        if length > columns:
            rest = (*_OPEN, self._macs(length % columns)) if length % columns else ()
            return _repeat(times, (*before, *self._whole_rows(length // columns), *rest, *after))
        each = min(columns // length, times)
        work = (self._macs(length), *after)
        turns = _up(self.together, self.at_once)

        def row(segments: int) -> Program:
            return (*before, *_OPEN, *work, *_repeat(segments * turns - 1, (*before, *work)))

        return (*_repeat(times // each, row(each)), *(row(times % each) if times % each else ()))

    def _whole_rows(self, count: int) -> Program:
        """Rows used from end to end; with two sets of banks, the next is opened while one is used."""
        columns = self.shape.columns
        if self.shape.sets == 1 or count == 1:
            return _repeat(count, (*_OPEN, self._macs(columns)))
        return (*_OPEN, *_repeat(count // 2, (*self._half(0), *self._half(1))), *self._half(0) * (count % 2))

    def _half(self, banks: int) -> Program:
        """A row of one set; after a quarter the other set closes its row, after another it opens the next."""
        quarter, other = self.shape.columns // 4, 1 - banks
        first = (self._macs(quarter, banks), Do("PRE", 1, other))
        second = (self._macs(quarter, banks), Do("ACT", 1, other))
        return (*first, *second, self._macs(self.shape.columns - 2 * quarter, banks))


_OPEN: Program = (Do("PRE"), Do("ACT"))


def _repeat(count: int, body: Program) -> Program:
    if count < 1:
        return ()
    return body if count == 1 else (Loop(count, body),)


def _cut(total: int, piece: int) -> tuple[tuple[int, int], ...]:
    """(times, size) of the pieces of a total: whole ones, then the rest."""
    whole = ((total // piece, piece),) if total >= piece else ()
    return (*whole, (1, total % piece)) if total % piece else whole


def _up(value: int, by: int) -> int:
    return -(-value // by)


def _down(value: int, to: int) -> int:
    return value // to * to
