"""Pictures of a study: the front, how it came about, which parameters good designs share, and which matter."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from search.design import axes
from search.pareto import front_rows, hypervolume, minimized
from search.space import Space
from search.trials import Row
from workloads.errors import UserError

Draw = Callable[[Any, Space, Sequence[Row]], None]


def picture(kind: str, space: Space, rows: Sequence[Row], file_format: str) -> bytes:
    """One picture.

    Args:
        kind: front, history, parallel or importance.
        space: what was searched.
        rows: finished trials.
        file_format: png, svg or pdf.

    Raises:
        UserError: no trial is feasible, so that there is nothing to draw.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not any(minimized(space, row) for row in rows):
        raise UserError(f"{space.name}: no feasible design yet, nothing to draw")
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    KINDS[kind](figure, space, rows)
    buffer = io.BytesIO()
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    figure.savefig(buffer, format=file_format, metadata=metadata.get(file_format, {}))
    return buffer.getvalue()


def _front(figure: Any, space: Space, rows: Sequence[Row]) -> None:
    plot = figure.add_subplot()
    names = [one.quantity for one in space.objectives]
    if len(names) == 1:
        names = [names[0], "area_mm2"]
    good = [
        row for row in rows if row.outcome.status == "ok" and all(name in row.outcome.quantities for name in names[:2])
    ]
    x, y = ([row.outcome.quantities[name] for row in good] for name in names[:2])
    plot.scatter(x, y, s=12, color="0.7", label="feasible")
    best = [row for row in front_rows(space, rows) if all(name in row.outcome.quantities for name in names[:2])]
    points = sorted((row.outcome.quantities[names[0]], row.outcome.quantities[names[1]]) for row in best)
    plot.plot([p[0] for p in points], [p[1] for p in points], "o-", color="tab:red", markersize=4, label="front")
    plot.set(xlabel=names[0], ylabel=names[1], title=f"{space.name}: {len(rows)} trials")
    if min([*x, *y]) > 0:
        plot.set_xscale("log")
        plot.set_yscale("log")
    plot.legend()


def reference_point(points: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """A point a little worse than all: the largest of every objective and a tenth of the range more."""
    values = np.array(points)
    low, high = values.min(axis=0), values.max(axis=0)
    return tuple(float(value) for value in high + 0.1 * np.where(high > low, high - low, np.abs(high) + 1e-30))


def growth(space: Space, rows: Sequence[Row], reference: tuple[float, ...]) -> list[float]:
    """Hypervolume of the feasible designs after every trial."""
    best: list[tuple[float, ...]] = []
    volumes: list[float] = []
    for row in rows:
        point = minimized(space, row)
        beaten = point is None or any(all(a <= b for a, b in zip(one, point, strict=True)) for one in best)
        if point is not None and not beaten:
            best = [one for one in best if not all(a <= b for a, b in zip(point, one, strict=True))] + [point]
            volumes.append(hypervolume(best, reference))
        else:
            volumes.append(volumes[-1] if volumes else 0.0)
    return volumes


def _history(figure: Any, space: Space, rows: Sequence[Row]) -> None:
    plot = figure.add_subplot()
    ordered = sorted(rows, key=lambda row: row.number)
    points = [point for row in ordered if (point := minimized(space, row))]
    if len(space.objectives) == 1:
        sign = 1 if space.objectives[0].goal == "min" else -1
        pairs = [(row.number, sign * point[0]) for row in ordered if (point := minimized(space, row))]
        plot.scatter([p[0] for p in pairs], [p[1] for p in pairs], s=8, color="0.7")
        best = sign * np.minimum.accumulate([sign * p[1] for p in pairs])
        plot.step([p[0] for p in pairs], best, where="post", color="tab:red")
        plot.set(ylabel=space.objectives[0].quantity)
    else:
        volumes = np.array(growth(space, ordered, reference_point(points)))
        plot.step([row.number for row in ordered], volumes / max(volumes[-1], 1e-300), where="post", color="tab:red")
        plot.set(ylabel="hypervolume, relative to the last")
    plot.set(xlabel="trial", title=f"{space.name}: history")


def _parallel(figure: Any, space: Space, rows: Sequence[Row]) -> None:
    plot = figure.add_subplot()
    good = [row for row in rows if minimized(space, row)]
    best = {row.number for row in front_rows(space, rows)}
    columns = [_places(axis.name, axis.values, good) for axis in axes(space)]
    columns += [_scaled([row.outcome.quantities[one.quantity] for row in good]) for one in space.objectives]
    names = [*space.parameters, *(one.quantity for one in space.objectives)]
    for row, line in sorted(
        zip(good, zip(*columns, strict=True), strict=True), key=lambda pair: pair[0].number in best
    ):
        on_front = row.number in best
        plot.plot(range(len(names)), line, color="tab:red" if on_front else "0.8", linewidth=1.2 if on_front else 0.5)
    plot.set_xticks(range(len(names)), names, rotation=45, ha="right")
    plot.set(yticks=[], title=f"{space.name}: the front in red; parameters from first to last value")


def _places(name: str, values: Sequence[Any], rows: Sequence[Row]) -> list[float]:
    """Where each row stands on a parameter, 0 to 1; a row without it stands below."""
    from search.space import split_quantity

    if values:
        last = max(len(values) - 1, 1)
        return [values.index(row.values[name]) / last if name in row.values else -0.1 for row in rows]
    return _scaled([split_quantity(row.values[name])[0] if name in row.values else np.nan for row in rows])


def _scaled(values: Sequence[float]) -> list[float]:
    low, high = np.nanmin(values), np.nanmax(values)
    return [float((value - low) / (high - low or 1.0)) for value in values]


def importance(space: Space, rows: Sequence[Row]) -> Mapping[str, Mapping[str, float]]:
    """Share of the variance of the logarithm of every objective that each parameter explains alone.

    Between-group variance over total variance, per parameter; ranges are cut into eight groups. Interactions are not
    counted, so that shares do not add up to one.
    """
    good = [row for row in rows if minimized(space, row)]
    found: dict[str, dict[str, float]] = {}
    for one in space.objectives:
        values = np.log(np.maximum(np.abs([row.outcome.quantities[one.quantity] for row in good]), 1e-300))
        total = float(values.var())
        shares: dict[str, float] = {}
        for axis in axes(space):
            groups = np.round(np.array(_places(axis.name, axis.values, good)) * (1000 if axis.values else 8))
            means = {group: values[groups == group].mean() for group in set(groups.tolist())}
            between = float(np.mean([(means[group] - values.mean()) ** 2 for group in groups.tolist()]))
            shares[axis.name] = between / total if total else 0.0
        found[one.quantity] = shares
    return found


def _importance(figure: Any, space: Space, rows: Sequence[Row]) -> None:
    plot = figure.add_subplot()
    shares = importance(space, rows)
    height = 0.8 / len(shares)
    for place, (name, column) in enumerate(shares.items()):
        plot.barh([line + place * height for line in range(len(column))], list(column.values()), height, label=name)
    plot.set_yticks(range(len(space.parameters)), list(space.parameters))
    plot.set(xlabel="share of variance explained alone", title=f"{space.name}: importance of parameters")
    plot.legend()


KINDS: dict[str, Draw] = {"front": _front, "history": _history, "parallel": _parallel, "importance": _importance}
