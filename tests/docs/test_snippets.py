import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from cosignal.server.config import load_config
from cosignal.server.network import NetworkPlan, write_network
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.scenarios import parameters_of
from tests.docs.pages import PAGES, ROOT, Block, blocks, name_of
from tests.docs.sessions import (
    Outcome,
    Step,
    make_targets,
    matches,
    run,
    steps_of,
    with_free_ports,
)

_MAKE = re.compile(r"make (\w+)")
_SECRET = re.compile(r"(\S+\.(?:pem|key))\"")


#: Pages mostly wait for processes to start, so two at once take half the time.
_AT_ONCE = 2

Session = tuple[list[Step], list[Outcome]]


def _steps(page: Path) -> list[Step]:
    steps = steps_of(with_free_ports(page.read_text()))
    return [step for step in steps if not _MAKE.match(step.command)]


def _needs_curl(page: Path) -> bool:
    return any("curl" in step.command for step in steps_of(page.read_text()))


@pytest.fixture(scope="module")
def sessions(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Path, "Future[Session]"]]:
    """Every page that a test asks for, running or done."""
    names = {item.name: item for item in request.session.items}
    chosen = [page for page in RUN if f"{_TEST}[{name_of(page)}]" in names]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {
            page: pool.submit(_session, _steps(page), tmp_path_factory.mktemp("page"))
            for page in chosen
            if not _needs_curl(page) or shutil.which("curl")
        }


def _session(steps: list[Step], folder: Path) -> Session:
    return steps, run(steps, folder)


RUN = [page for page in PAGES if _steps(page)]
_TEST = "test_a_page_does_what_it_shows"


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_a_page_does_what_it_shows(
    page: Path, sessions: dict[Path, "Future[Session]"]
) -> None:
    if page not in sessions:
        pytest.skip("this page uses curl, which is not installed")

    steps, outcomes = sessions[page].result()

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
    return [
        (page, item)
        for page in PAGES
        for item in blocks(page.read_text(), "toml")
        if not _is_scenario(page)
    ]


def _is_scenario(page: Path) -> bool:
    """Pages about the simulator show scenarios, others the node's configuration."""
    return "simulat" in page.name


@pytest.mark.parametrize("page", [p for p in PAGES if _is_scenario(p)], ids=name_of)
def test_a_scenario_that_a_page_shows_is_accepted(page: Path) -> None:
    for block in blocks(page.read_text(), "toml"):
        assert parameters_of(block.text.encode()) != Parameters()


@pytest.mark.parametrize(
    "block",
    [block for _, block in _configs()],
    ids=[f"{name_of(page)}:{block.line}" for page, block in _configs()],
)
def test_a_configuration_that_a_page_shows_is_accepted(
    block: Block, tmp_path: Path
) -> None:
    folder = tmp_path / "network"
    plan = NetworkPlan.on_loopback("demo.cosignal.example", [8081, 8082, 8083, 8084])
    config = write_network(folder, plan, os.urandom)[0]
    for path in _SECRET.findall(block.text.replace('= "', "")):
        _make_secret(config.parent / path)

    config.write_text(_overlay(config.read_text(), block.text))

    shown = tomllib.loads(block.text)
    assert load_config(config).node.name == shown.get("node", {}).get(
        "name", "authority-1"
    )


def _overlay(base: str, shown: str) -> str:
    """The base's tables that are not shown, and what is shown."""
    replaced = tomllib.loads(shown)
    tables = re.split(r"^(?=\[)", base, flags=re.MULTILINE)
    kept = [
        table for table in tables if table.partition("]")[0].strip("[") not in replaced
    ]
    return "".join(kept) + shown


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@pytest.mark.skipif(_nginx() is None, reason="nginx is not installed")
def test_nginx_accepts_the_web_server_that_a_page_shows(tmp_path: Path) -> None:
    page = ROOT / "docs" / "how-to" / "run-an-authority.md"
    (block,) = blocks(page.read_text(), "nginx")
    # Without certificates and root's ports; all the rest is as shown.
    shown = re.sub(r".*ssl.*\n", "", block.text).replace(
        "server {", f"server {{ listen unix:{tmp_path}/socket;"
    )
    config = tmp_path / "nginx.conf"
    places = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{places}{shown}}}\n")

    done = subprocess.run(
        [_nginx() or "nginx", "-t", "-e", "/dev/null", "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
