import math
import re
from dataclasses import replace

import numpy as np
import pytest

from cosignal.simulator import studies
from cosignal.simulator.experiments.jobs import Outcome, setting_of
from cosignal.simulator.experiments.statistics import Estimate
from cosignal.simulator.experiments.study import Study
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.studies.presets import Claim, Preset, Row, _verdict, judged
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "simulator-studies.md"


@pytest.mark.parametrize("preset", studies.ALL, ids=lambda preset: preset.name)
def test_every_point_of_a_study_is_a_scenario(preset: Preset) -> None:
    base = Parameters().with_values(preset.scenario())

    for point in preset.points:
        base.with_values(point)


@pytest.mark.parametrize("preset", studies.ALL, ids=lambda preset: preset.name)
def test_every_claim_stands_on_the_page_with_what_was_published(preset: Preset) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| P")]

    for claim in preset.claims:
        words = f"{claim.words}{f', {claim.unit}' if claim.unit else ''}"
        fits = [row for row in rows if f"| {preset.name} | {words} |" in row]
        assert len(fits) == 1
        assert f"| {claim.published} |" in fits[0]


def test_a_study_is_found_by_its_name() -> None:
    assert studies.find("p5").name == "P5"


def test_fewer_people_have_fewer_first_infections() -> None:
    preset = studies.find("P7")
    imported = replace(preset, values={**preset.values, "disease.imports": 2.0})

    found = imported.scenario(5_000)

    assert found["population.agents"] == 5_000
    assert found["disease.seeds"] == 10
    assert found["disease.imports"] == pytest.approx(0.1)


def test_a_study_gives_ours_beside_the_published() -> None:
    rows = studies.find("P13").run(agents=2_000, replicates=2, workers=1)

    tested = rows[0]
    assert tested.claim.published == "2.6: 200,000 of 7.6 million"
    assert tested.ours.runs == 2
    assert 0 < tested.ours.mean <= 100
    head, *lines = studies.lines(rows)
    assert "ours, 2 runs  " in head
    assert len(lines) == 3
    assert studies.as_values(tested)["published_value"] == 2.6


def claim(value: float | None, interval: tuple[float, float] | None) -> Claim:
    return Claim("x", "", lambda _: Estimate(0, 0, 0, 0), "", value, interval)


@pytest.mark.parametrize(
    ("value", "published", "ours", "verdict"),
    [
        (None, (1.0, 3.0), (2.0, 0.0, 9.0), "inside"),
        (2.0, (1.0, 3.0), (4.0, 2.9, 5.1), "overlaps"),
        (2.0, (1.0, 3.0), (4.0, 3.1, 4.9), "outside"),
        (4.0, None, (4.0, 3.1, 4.9), "no interval"),
        (None, None, (4.0, 3.1, 4.9), "no number"),
    ],
)
def test_a_verdict_says_where_ours_falls(
    value: float | None,
    published: tuple[float, float] | None,
    ours: tuple[float, float, float],
    verdict: str,
) -> None:
    assert verdict == _verdict(claim(value, published), Estimate(*ours, 4))


def test_no_result_is_not_outside() -> None:
    nothing = Estimate(math.nan, math.nan, math.nan, 0)

    for one in (claim(2.0, (1.0, 3.0)), claim(2.0, None), claim(None, None)):
        assert _verdict(one, nothing) == "no number (too few cases)"


def test_few_runs_beside_an_interval_are_not_judged() -> None:
    outside = Estimate(4.0, math.nan, math.nan, 3)
    inside = Estimate(2.0, math.nan, math.nan, 3)

    assert _verdict(claim(2.0, (1.0, 3.0)), outside) == "not judged (too few runs)"
    assert _verdict(claim(2.0, (1.0, 3.0)), inside) == "inside"


def test_a_study_smaller_than_its_own_says_so() -> None:
    preset = studies.find("P10")
    people = preset.values["population.agents"]

    assert preset.smaller(None, None) == ""
    assert preset.smaller(people, preset.replicates + 1) == ""
    for given in ((people - 1, None), (None, preset.replicates - 1)):
        assert "ours overlap theirs easily" in preset.smaller(*given)


def test_what_a_scenario_was_matched_to_is_not_judged() -> None:
    matched = replace(claim(4.0, (3.9, 4.1)), matched=True)
    ours = Estimate(4.0, 3.8, 4.2, 3)

    assert _verdict(matched, ours) == "matched"
    assert judged(Row(matched, ours, "matched")) == "matched, ratio 1"


def test_without_an_interval_a_verdict_is_how_many_times_theirs_is_ours() -> None:
    ours = Estimate(3.0, 2.5, 3.5, 4)
    alone = Row(claim(6.0, None), ours, "no interval")
    beside = Row(claim(6.0, (5.0, 7.0)), ours, "outside")

    assert studies.lines([alone])[1].endswith("no interval, ratio 0.5")
    assert studies.lines([beside])[1].endswith("outside")
    assert studies.as_values(alone)["ratio"] == 0.5
    assert studies.as_values(alone)["published_low"] is None
    assert studies.as_values(beside)["published_high"] == 7.0
    assert Row(claim(None, None), ours, "no number").ratio is None


#: Where the publication gives an interval, or a range, of the very figure.
PUBLISHED = {
    "13 (5.4 to 19): 284,000 (108,000 to 450,000) beside 1.9 million": (5.4, 19.1),
    "0.79 (0.37 to 1.10), model": (0.37, 1.10),
    "24 (10 to 34)": (10.0, 34.0),
    "4.2 to 4.4": (4.2, 4.4),
    "2.7 (1.4 to 3.9): 5,500 (2,800 to 8,200) beside 200,000": (1.4, 3.9),
}


@pytest.mark.parametrize("preset", studies.ALL, ids=lambda preset: preset.name)
def test_only_published_intervals_are_judged_by(preset: Preset) -> None:
    for one in preset.claims:
        assert one.interval == PUBLISHED.get(one.published)
        if one.interval is None and one.value is not None:
            # The number stands in what was published, but for rounding.
            words = one.published.replace(",", "").replace(":", " ").split()
            shares = [one.value / float(w) for w in words if _is_number(w)]
            assert any(abs(share - 1) < 0.02 for share in shares)


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


@pytest.mark.parametrize("preset", studies.ALL, ids=lambda preset: preset.name)
def test_the_page_gives_the_verdict_that_follows_from_its_numbers(
    preset: Preset,
) -> None:
    """The rows are of one version of the simulator, and judged as the code judges."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| P")]

    for one in preset.claims:
        row = next(r for r in rows if f"| {preset.name} | {one.words}" in r)
        *_, ours, _, verdict, _ = (cell.strip() for cell in row.split("|"))
        mean, *ends = re.findall(r"[\d.]+", ours.replace(",", ""))
        found = Estimate(float(mean), float(ends[0]), float(ends[1]), 12)
        whole = judged(Row(one, found, _verdict(one, found)))
        assert verdict.split()[:-1] == whole.split()[:-1]
        if one.interval is None and one.value is not None:
            ratio = float(verdict.split()[-1])
            assert ratio == pytest.approx(found.mean / one.value, rel=0.01)


def test_quarantines_are_counted_for_each_person_with_symptoms() -> None:
    """As the publication does; not for each positive test, of which there are fewer."""
    series = {"quarantines": [40.0, 20.0], "onsets": [1.0, 2.0], "cases": [1.0, 0.0]}
    outcome = Outcome({}, {name: np.array(row) for name, row in series.items()})
    preset = studies.find("P16")
    outcomes = {(point, run): outcome for point in (5, 6) for run in (0, 1)}
    study = Study(setting_of(Parameters()), preset.points, 2, outcomes)

    *_, traced, alerted = preset.claims
    assert traced.measure(study).mean == 20
    assert alerted.measure(study).mean == 20


def test_users_who_test_positive_are_counted_within_the_month() -> None:
    """Zurich's run has two weeks before it, and two after."""
    codes = np.zeros(60)
    codes[[13, 14, 43, 44]] = 100.0, 1.0, 2.0, 100.0
    preset = studies.find("P10")
    outcomes = {(0, run): Outcome({}, {"codes": codes}) for run in (0, 1)}
    base = Parameters().with_values(preset.scenario(10_000))
    study = Study(setting_of(base), preset.points, 2, outcomes)

    assert preset.claims[0].measure(study).mean == pytest.approx(100 * 3 / 2_200)


def test_england_counts_percent_for_each_point_of_adoption() -> None:
    """From 18 to 38 points, 12 percent fewer are 0.6 a point."""
    found = ((0, 1_100.0), (1, 1_000.0), (2, 960.0), (3, 880.0), (4, 720.0))
    outcomes = {
        (point, run): Outcome({"infections": value, "cases": value / 2})
        for point, value in found
        for run in (0, 1)
    }
    preset = studies.find("P7")
    study = Study(setting_of(Parameters()), preset.points, 2, outcomes)
    effect, per_point, further = preset.claims[2:5]

    assert effect.measure(study).mean == pytest.approx(100 * 140 / 1_100)
    assert per_point.measure(study).mean == pytest.approx(12 / 20)
    assert further.measure(study).mean == pytest.approx(25)
