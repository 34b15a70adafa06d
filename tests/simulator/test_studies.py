import pytest

from cosignal.simulator import studies
from cosignal.simulator.experiments.jobs import Outcome, setting_of
from cosignal.simulator.experiments.statistics import Estimate
from cosignal.simulator.experiments.study import Study
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.studies.presets import Claim, Preset, _verdict
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
    found = studies.find("P7").scenario(5_000)

    assert found["population.agents"] == 5_000
    assert found["disease.seeds"] == 15
    assert found["disease.imports"] == pytest.approx(0.2)


def test_a_study_gives_ours_beside_the_published() -> None:
    rows = studies.find("P10").run(agents=2_000, replicates=2, workers=1)

    codes = rows[0]
    assert codes.claim.published == "60 (324 of 537)"
    assert codes.ours.runs == 2
    assert 0 < codes.ours.mean <= 100
    head, *lines = studies.lines(rows)
    assert "ours" in head
    assert len(lines) == 3
    assert studies.as_values(codes)["published_low"] == 56.0


def claim(low: float | None, high: float | None) -> Claim:
    return Claim("x", "", lambda _: Estimate(0, 0, 0, 0), low, high, "")


@pytest.mark.parametrize(
    ("published", "ours", "verdict"),
    [
        ((1.0, 3.0), (2.0, 0.0, 9.0), "inside"),
        ((1.0, 3.0), (4.0, 2.9, 5.1), "overlaps"),
        ((1.0, 3.0), (4.0, 3.1, 4.9), "outside"),
        ((None, None), (4.0, 3.1, 4.9), "no number"),
    ],
)
def test_a_verdict_says_where_ours_falls(
    published: tuple[float | None, float | None],
    ours: tuple[float, float, float],
    verdict: str,
) -> None:
    assert verdict == _verdict(claim(*published), Estimate(*ours, 3))


def test_england_counts_percent_for_each_point_of_adoption() -> None:
    """A fifth fewer infections with 28 points is 0.71 percent a point."""
    outcomes = {
        (point, replicate): Outcome({"infections": value})
        for point, value in ((0, 1_000.0), (1, 800.0), (2, 600.0))
        for replicate in (0, 1)
    }
    preset = studies.find("P7")
    study = Study(setting_of(Parameters()), preset.points, 2, outcomes)

    per_point = preset.claims[0].measure(study)
    further = preset.claims[1].measure(study)

    assert per_point.mean == pytest.approx(20 / 28)
    assert further.mean == pytest.approx(25)
