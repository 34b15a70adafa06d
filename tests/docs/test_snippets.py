import os
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from cosignal.server.config import load_config
from cosignal.server.network import NetworkPlan, write_network
from tests.docs.pages import PAGES, Block, blocks, name_of
from tests.docs.sessions import (
    Step,
    make_targets,
    matches,
    run,
    steps_of,
    with_free_ports,
)

_MAKE = re.compile(r"make (\w+)")
_SECRET = re.compile(r"(\S+\.(?:pem|key))\"")


def _steps(page: Path) -> list[Step]:
    steps = steps_of(with_free_ports(page.read_text()))
    return [step for step in steps if not _MAKE.match(step.command)]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if _steps(page)], ids=name_of
)
def test_a_page_does_what_it_shows(page: Path, tmp_path: Path) -> None:
    steps = _steps(page)
    if any("curl" in step.command for step in steps) and not shutil.which("curl"):
        pytest.skip("this page uses curl, which is not installed")

    outcomes = run(steps, tmp_path)

    for step, outcome in zip(steps, outcomes, strict=False):
        place = f"{name_of(page)}:{step.line}: {step.command}\n{outcome.output}"
        assert outcome.status == 0, place
        assert not step.shown or matches(step.shown, outcome.output), place
    ended = len(outcomes)
    assert ended == len(steps), f"{name_of(page)}:{steps[ended].line}: took too long"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    commands = [step.command for step in steps_of(page.read_text())]
    named = {match[1] for command in commands if (match := _MAKE.match(command))}

    assert named <= make_targets()


def _configs() -> list[tuple[Path, Block]]:
    return [(page, item) for page in PAGES for item in blocks(page.read_text(), "toml")]


@pytest.mark.parametrize(
    ("page", "block"),
    _configs(),
    ids=[f"{name_of(page)}:{block.line}" for page, block in _configs()],
)
def test_a_configuration_that_a_page_shows_is_accepted(
    page: Path, block: Block, tmp_path: Path
) -> None:
    folder = tmp_path / "network"
    plan = NetworkPlan.on_loopback("demo.cosignal.example", [8081, 8082, 8083, 8084])
    config = write_network(folder, plan, os.urandom)[0]
    for path in _SECRET.findall(block.text.replace('= "', "")):
        _make_secret(config.parent / path)

    config.write_text(_overlay(config.read_text(), block.text))

    assert load_config(config), f"{name_of(page)}:{block.line}"


def _overlay(base: str, shown: str) -> str:
    """The base's tables that are not shown, and what is shown."""
    replaced = tomllib.loads(shown)
    tables = re.split(r"^(?=\[)", base, flags=re.MULTILINE)
    kept = [table for table in tables if table.partition("]")[0].strip("[") not in replaced]
    return "".join(kept) + shown


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
