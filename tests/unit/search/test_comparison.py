"""Comparisons: sweeps are read exactly, rows depend on nothing but their point, what is kept is whole."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from hwsim.chip import Chip
from hwsim.config import chip_names, load_chip
from mapper import cache as cache_module
from mapper.choices import FAST, MappingChoices, RunOptions
from search.comparison import store as store_module
from search.comparison.figures import charts, swept_axis
from search.comparison.metrics import METRICS, BaselineError, find_baseline, ratios, value
from search.comparison.plan import Plan, make_plan, points
from search.comparison.run import PER_PROCESS, Comparison, run
from search.comparison.store import chip_digest, open_store
from search.comparison.sweeps import Setting, Sweep, SweepError, parse_sweeps, settings_of
from search.figures.charts import Bars, Lines, Roofline, Stacks
from search.parallel import WorkerError, spread
from tests.end_to_end.small_chip import SMALL_CHIP
from tests.unit.search.doubling import double, make_double
from workloads.errors import UserError
from workloads.model import Model
from workloads.user import open_model

OPTIONS = RunOptions(1, None, None, None, "absorbed", "balanced", True, None, None, FAST)
ROOT = Path(__file__).parents[3]
SMALL = ("matmul:m=12,n=10,k=8", "matmul:m=16,n=16,k=16")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def chips(folder: Path) -> list[Chip]:
    (folder / "small.yaml").write_text(SMALL_CHIP)
    (folder / "wide.yaml").write_text(SMALL_CHIP.replace("10 GB/s", "40 GB/s"))
    (folder / "tiny.yaml").write_text(SMALL_CHIP.replace("1 GiB", "100 B"))
    return [load_chip(str(folder / name)) for name in ("small.yaml", "wide.yaml", "tiny.yaml")]


def plan_of(chips: Sequence[Chip], models: Sequence[str] = SMALL, sweeps: Sequence[str] = (), **more: object) -> Plan:
    mapping = replace(FAST, **more)
    opened: list[Model] = [open_model(text) for text in models]
    return make_plan(opened, chips, settings_of(parse_sweeps(sweeps), OPTIONS), None, mapping)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("batch=1,2,4..64", ("1", "2", "4", "8", "16", "32", "64")),
        ("context=1000..8000", ("1000", "2000", "4000", "8000")),
        ("bits=16..16", ("16",)),
        ("zeros.activation=0,0.5", ("0", "0.5")),
        ("bits.weight= 4, 8", ("4", "8")),
    ],
)
def test_a_sweep_lists_its_values(text: str, values: tuple[str, ...]) -> None:
    assert parse_sweeps([text]) == (Sweep(text.partition("=")[0], values),)


@pytest.mark.parametrize(
    ("texts", "fragment"),
    [
        (["batch"], "expected KEY=VALUES"),
        (["bach=1"], "did you mean 'batch'"),
        (["chip=a,b"], "unknown key 'chip'; known: batch,"),
        (["zeros=0.5"], "unknown key 'zeros'"),
        (["batch.size=1"], "unknown key 'batch.size'"),
        (["batch=1,2,1"], "1 occurs twice"),
        (["batch=1,1..4"], "1 occurs twice"),
        (["batch=4..60"], "doubling from 4 does not end at 60; did you mean 4..32 or 4..64?"),
        (["batch=8..4"], "did you mean 4..8?"),
        (["batch=0"], "expected whole numbers from 1"),
        (["batch=1,,2"], "expected whole numbers"),
        (["batch=1.5"], "expected whole numbers"),
        (["batch=10000000000"], "expected whole numbers from 1 to 1,000,000,000"),
        (["zeros.weight=2"], "expected fractions from 0 to 1"),
        (["batch=1", "batch=2"], "batch is swept twice"),
    ],
    ids=lambda found: found[0] if isinstance(found, list) else "",
)
def test_a_bad_sweep_is_refused_with_what_was_expected(texts: list[str], fragment: str) -> None:
    with pytest.raises(SweepError) as caught:
        parse_sweeps(texts)
    assert fragment in str(caught.value)


def test_settings_are_all_combinations_and_change_only_what_is_swept() -> None:
    options = replace(OPTIONS, batch=3, bits="activation=8")
    found = settings_of(parse_sweeps(["context=64,128", "bits.weight=4,8"]), options)
    assert [one.swept for one in found] == [
        (("context", context), ("bits.weight", bits)) for context in ("64", "128") for bits in ("4", "8")
    ]
    assert [one.bits for one in found] == ["activation=8,weight=4", "activation=8,weight=8"] * 2
    assert {one.choices.batch for one in found} == {3}
    assert found[0].choices.bits == {"activation": 8, "weight": 4} and found[0].choices.context == 64
    everything = settings_of(parse_sweeps(["bits.weight=4"]), replace(OPTIONS, bits="8"))[0].choices.bits
    assert everything is not None and everything["weight"] == 4 and everything["state"] == 8
    assert settings_of((), OPTIONS) == (Setting((), settings_of((), OPTIONS)[0].choices),)


def test_values_that_precision_cannot_take_are_refused_before_anything_runs() -> None:
    with pytest.raises(UserError, match="out of range"):
        settings_of(parse_sweeps(["bits=8,128"]), OPTIONS)
    with pytest.raises(SweepError, match="combinations"):
        settings_of((Sweep("batch", tuple(map(str, range(1, 2000)))), Sweep("context", ("1",) * 1000)), OPTIONS)


def test_rows_are_equal_from_one_process_several_and_kept_ones(chips: list[Chip]) -> None:
    plan = plan_of(chips, sweeps=["bits=8,16"], mapper="exhaustive")
    alone = run(replace(plan, mapping=replace(plan.mapping, cached=False)), jobs=1)
    together = run(plan, jobs=2)
    kept = run(plan, jobs=2)
    assert alone.rows == together.rows == kept.rows
    assert [row.status == "ok" for row in alone.rows] == ([True] * 4 + [False] * 2) * 2
    assert "does not fit" in alone.rows[-1].status


def test_what_was_kept_is_not_computed_again(chips: list[Chip], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(make: object, items: Sequence[object], jobs: int) -> Iterator[tuple[int, object]]:
        asked.append(len(items))
        return spread(make, items, jobs)  # type: ignore[arg-type]

    monkeypatch.setattr("search.comparison.run.spread", counting)
    first = run(plan_of(chips))
    assert run(plan_of(chips)).rows == first.rows
    run(plan_of([chips[0].model_copy(update={"title": "another"}), *chips[1:]]))
    assert asked == [6, 0, len(SMALL)]


def test_an_interrupted_run_keeps_what_it_finished(chips: list[Chip]) -> None:
    plan = plan_of(chips)

    def stop_after_two(finished: object, total: int) -> Iterator[object]:
        for count, item in enumerate(finished):  # type: ignore[var-annotated,arg-type]
            if count == 2:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        run(plan, watch=stop_after_two)
    store = open_store(plan)
    # The third was finished before its place was handed on.
    assert [store.get(point) is not None for point in points(plan)] == [True] * 3 + [False] * 3


def test_runs_at_the_same_time_agree_and_leave_whole_entries(chips: list[Chip], folder: Path) -> None:
    plan = plan_of(chips, sweeps=["bits=8,16"])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: run(plan, jobs=1), range(4)))
    assert all(one == found[0] for one in found)
    store = open_store(plan)
    assert [store.get(point) for point in points(plan)] == list(found[0].rows)
    assert list(folder.rglob("*.tmp")) == []


def test_a_damaged_entry_is_computed_again_and_written_anew(chips: list[Chip], folder: Path) -> None:
    plan = plan_of(chips[:1], models=SMALL[:1])
    first = run(plan)
    (entry,) = (folder / "cache" / "hwsim" / "points").rglob("*.json")
    good = entry.read_bytes()
    for bad in (good[:-9], b"[1]", b"", good.replace(b"matmul", b"matmal")):
        entry.write_bytes(bad)
        assert run(plan) == first
        assert entry.read_bytes() == good


def test_another_program_model_setting_or_mapper_has_another_entry(
    chips: list[Chip], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(chips[:1], models=SMALL[:1])
    run(plan)
    others = (
        plan_of(chips[1:2], models=SMALL[:1]),
        plan_of(chips[:1], models=SMALL[1:]),
        plan_of(chips[:1], models=SMALL[:1], sweeps=["bits=8"]),
        plan_of(chips[:1], models=SMALL[:1], objective="energy"),
        replace(plan, phase="forward"),
    )
    for other in others:
        assert open_store(other).get(points(other)[0]) is None
    assert open_store(plan).get(points(plan)[0]) is not None
    monkeypatch.setattr(store_module, "program_version", lambda kind: "another")
    assert open_store(plan).get(points(plan)[0]) is None


@pytest.mark.parametrize(
    "mapping",
    [MappingChoices(cached=False), MappingChoices("optimal", budget_seconds=1.0)],
    ids=["no-cache", "budget"],
)
def test_nothing_is_kept_where_the_user_wants_none_or_time_decides(
    chips: list[Chip], mapping: MappingChoices, folder: Path
) -> None:
    plan = replace(plan_of(chips[:1], models=SMALL[:1]), mapping=mapping)
    assert open_store(plan).folder is None
    run(replace(plan, mapping=MappingChoices(cached=False)))
    assert not (folder / "cache" / "hwsim" / "points").exists()


def test_a_folder_that_cannot_be_written_is_said_once_and_does_no_harm(
    chips: list[Chip], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache_module.say_once.cache_clear()
    (folder / "cache").write_text("in the way")
    assert len(run(plan_of(chips)).rows) == 6
    assert capsys.readouterr().err.count("points are not kept") == 1


def test_the_digest_of_a_chip_is_the_same_in_every_process_and_different_for_every_chip() -> None:
    digests = [chip_digest(load_chip(name)) for name in chip_names()]
    assert len(set(digests)) == len(digests)
    code = (
        "from hwsim.config import chip_names, load_chip\nfrom search.comparison.store import chip_digest, open_store\n"
        "from search.comparison.plan import make_plan\nfrom workloads.user import open_model\n"
        "from mapper.choices import FAST\n"
        "print([chip_digest(load_chip(name)) for name in chip_names()[::8]])\n"
        "print(open_store(make_plan([open_model('resnet-50')], [], [], None, FAST)).models)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    models = open_store(make_plan([open_model("resnet-50")], [], [], None, FAST)).models
    assert ran.stdout.splitlines() == [str(digests[::8]), str(models)], ran.stderr


def test_work_is_spread_and_every_result_comes_with_its_place() -> None:
    expected = [double(number) for number in range(9)]
    for jobs in (1, 2):
        assert [result for _, result in sorted(spread(make_double, range(9), jobs))] == expected


def test_a_process_that_dies_or_fails_is_reported_with_its_reason() -> None:
    with pytest.raises(WorkerError, match="code 7; finished points are kept"):
        list(spread(make_double, [1, -1], 2))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(spread(make_double, [1, 13], 2))


def test_few_points_of_the_fast_mapper_start_no_process(chips: list[Chip], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[int] = []

    def recorded(make: object, items: Sequence[object], jobs: int) -> Iterator[tuple[int, object]]:
        wanted.append(jobs)
        return spread(make, items, 1)  # type: ignore[arg-type]

    monkeypatch.setattr("search.comparison.run.spread", recorded)
    assert 2 < PER_PROCESS < 3 * len(SMALL) * 2
    run(plan_of(chips[:1]), jobs=4)
    run(plan_of(chips, sweeps=["bits=8,16"]), jobs=4)
    run(plan_of(chips[:1], mapper="exhaustive"), jobs=4)
    assert wanted == [1, 2, 2]


@pytest.fixture
def comparison(chips: list[Chip]) -> Comparison:
    return run(plan_of(chips))


def test_ratios_are_against_the_same_model_on_the_baseline(comparison: Comparison) -> None:
    found = ratios(comparison, 1)
    for row, base, ratio in zip(comparison.rows, comparison.rows[1:], found, strict=False):
        if base.chip == row.chip:
            assert ratio[0] == pytest.approx((row.seconds or 0) / (base.seconds or 1))
    assert found[1][0] == 1.0 and found[2] == (None,) * len(METRICS)
    assert ratios(comparison, 2) == [(None,) * len(METRICS)] * 6


def test_an_unknown_or_ambiguous_baseline_is_refused() -> None:
    assert find_baseline(["a100_80gb_sxm", "t4"], "t4") == 1
    with pytest.raises(BaselineError, match="did you mean 'a100_80gb_sxm'"):
        find_baseline(["a100_80gb_sxm", "t4"], "a100_80gb_sx")
    with pytest.raises(BaselineError, match="2 of the chips have this name"):
        find_baseline(["t4", "t4"], "t4")


def test_figures_have_every_point_also_those_without_a_result(comparison: Comparison) -> None:
    drawn = charts(comparison)
    latency, roofline, stacks = drawn["latency"], drawn["roofline"], drawn["time_by_kind"]
    assert isinstance(latency, Bars) and isinstance(roofline, Roofline) and isinstance(stacks, Stacks)
    assert latency.series[2].values == ("does not fit", "does not fit")
    assert [series.values[0] for series in latency.series[:2]] == [row.seconds for row in comparison.rows[:2]]
    assert len(roofline.marks) == 4 and len(roofline.absent) == 2
    assert len(stacks.bars) == 6
    metrics = ["latency", "throughput", "energy", "energy_delay", "work_per_joule"]
    assert list(drawn) == [*metrics, "roofline", "time_by_kind", "time_by_bound", "energy_by_component"]
    assert all(value(row, METRICS[-1]) is None for row in comparison.rows)
    shown = charts(comparison, baseline=0)["latency"]
    assert isinstance(shown, Bars) and shown.series[0].values == (1.0, 1.0) and shown.reference == 1.0


def test_a_sweep_is_drawn_as_lines_along_its_longest_key(chips: list[Chip]) -> None:
    swept = run(plan_of(chips, models=SMALL[:1], sweeps=["bits.weight=8,16", "bits.activation=4..16"]), jobs=1)
    assert swept_axis(swept) == "bits.activation"
    chart = charts(swept, baseline=0)["latency"]
    assert isinstance(chart, Lines) and len(chart.lines) == 6
    assert chart.lines[0].name == f"{chips[0].name}, bits.weight\u00a08" and chart.lines[0].x == (4.0, 8.0, 16.0)
    assert chart.lines[0].y == (1.0, 1.0, 1.0) and chart.lines[5].y == ("does not fit",) * 3


def test_breakdowns_of_a_row_add_up_to_its_totals(comparison: Comparison) -> None:
    for row in comparison.rows[:2]:
        assert sum(seconds for _, seconds in row.time_by_kind) == pytest.approx(row.seconds)
        assert sum(seconds for _, seconds in row.time_by_bound) == pytest.approx(row.seconds)
        assert sum(joules for _, joules in row.energy_by_component) == pytest.approx(row.energy_joules)
    assert astuple(comparison.rows[0])[0] == SMALL[0]
