"""What the data file of a paper says: which published values stand beside which simulated ones, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from hwsim.part import Part

Status: TypeAlias = Literal["published", "secondary", "derived"]
"""Of a published value: read in the paper or its authors' repository, in someone's account of it, or computed from such
values."""

Basis: TypeAlias = Literal["predicted", "fitted", "matched", "alternative"]
"""What an agreement is worth: nothing was chosen with the value in view; a constant was fitted to values among these;
an assumption was chosen to match them; or the row shows another reading that is not claimed and not scored."""

Chart: TypeAlias = Literal["bars", "lines", "stacked", "ratio", "none"]
"""How a panel is drawn; ratio is simulated over published, for rows of different units."""

Tolerance: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class Run(Part):
    """One estimate, in the words of ``hwsim estimate``; what a row leaves out is taken from its panel.

    Attributes:
        quantity: a name of ``search.reproduction.quantities``.
        set: values of the chip file that are replaced, by key.
    """

    quantity: str | None = None
    model: str | None = None
    chip: str | None = None
    phase: str | None = None
    batch: int | None = None
    context: int | None = None
    prompt: int | None = None
    output: int | None = None
    bits: str | int | None = None
    zeros: str | None = None
    parallel: str | None = None
    mla: str | None = None
    mapper: str | None = None
    placement: str | None = None
    residency: str | None = None
    fusion: str | None = None
    set: Mapping[str, str | int | float | bool] = {}

    def given(self) -> dict[str, Any]:
        """What is stated, without the rest."""
        return {**self.model_dump(exclude_none=True, exclude={"set"}), **({"set": dict(self.set)} if self.set else {})}


class RowSpec(Part):
    """One published value and where the simulated one comes from; without the former it is a prediction.

    Attributes:
        at: place on the axis: a number, or a name.
        series: which of several values at one place.
        published: in the panel's unit.
        source, status, tolerance, basis: instead of the panel's.
        value: key of a number that the paper's function gives, or the panel's group; in the panel's unit.
        estimate: the number is an estimate of a model on a chip.
        over: the number is the estimate over this other one.
    """

    at: str | int | float
    series: str = ""
    published: float | None = None
    source: str | None = None
    status: Status | None = None
    tolerance: Tolerance | None = None
    basis: Basis | None = None
    value: str | None = None
    estimate: Run | None = None
    over: Run | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> RowSpec:
        if self.value is not None and (self.estimate is not None or self.over is not None):
            raise ValueError("a row has either value or estimate, not both")
        return self


class Panel(Part):
    """Rows that belong together: a table, and one chart of the figure.

    Attributes:
        axis: what ``at`` of the rows is.
        measure: what the values are, for the chart; the title if left out.
        source, status, tolerance, basis: of every row that has none of its own.
        tolerance: largest absolute relative error for which the row counts as reproduced; None if that is not claimed.
        estimate, over: what the rows' estimates have in common.
        group: group of ``hwsim validate`` whose quantities are the keys of ``value``.
        band: lowest and highest published value of all rows together, where single ones are not printed; drawn only.
        full: whether the panel is computed only with ``--full``, because it takes long.
        note: what a reader must know about these rows.
    """

    title: str
    unit: str = ""
    chart: Chart = "bars"
    axis: str = ""
    measure: str = ""
    source: str
    status: Status = "published"
    tolerance: Tolerance | None = None
    basis: Basis
    estimate: Run | None = None
    over: Run | None = None
    group: str | None = None
    band: tuple[float, float] | None = None
    full: bool = False
    note: str = ""
    rows: Annotated[tuple[RowSpec, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _numbers_along_lines(self) -> Panel:
        names = [f"rows.{place}.at: must be a number" for place, row in enumerate(self.rows) if isinstance(row.at, str)]
        if self.chart == "lines" and names:
            raise ValueError("\n".join(f"{name}, because the chart has lines" for name in names))
        return self


class Paper(Part):
    """A paper and its panels.

    Attributes:
        models, chips: what is simulated, for the reader.
        modelled, assumed, not_modelled: the honest paragraph.
        function: ``module:name`` of a function ``(full) -> {key: number}``.
    """

    name: str
    title: str
    citation: str
    models: tuple[str, ...] = ()
    chips: tuple[str, ...] = ()
    modelled: str
    assumed: str
    not_modelled: str
    function: str | None = None
    panels: Annotated[tuple[Panel, ...], Field(min_length=1)]

    @property
    def paragraph(self) -> str:
        """What is modelled, assumed and not."""
        parts = (("Modelled", self.modelled), ("Assumed", self.assumed), ("Not modelled", self.not_modelled))
        return " ".join(f"{head}: {' '.join(text.split())}" for head, text in parts)
