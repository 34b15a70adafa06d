"""The reference pages list exactly what the code has."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.main import get_command

from cosignal.client.phone.alerts import Ground
from cosignal.client.phone.phone import Phone
from cosignal.client.phone.upload_desk import UploadDesk
from cosignal.server.api import chain, device, issuing, operations, peers
from cosignal.server.api.openapi import describe
from cosignal.server.cli import app
from cosignal.server.config import Config
from cosignal.simulator.commands import app as simulator_app
from tests.benchmarks.figures import Budget
from tests.benchmarks.registry import FIGURES
from tests.docs.pages import ROOT, blocks, headings
from tests.docs.protocol_examples import examples

REFERENCE = ROOT / "docs" / "reference"

_ROUTE = re.compile(r"(GET|POST) (\S+)")
_ROW = re.compile(r"^\| `([^`]+)` \| (.+) \| ([^|]+) \| ([^|]+) \|$")
_CITATION = re.compile(r'docs/reference/(\w+)\.md,\s+"([^"]+)"')


def test_every_route_is_documented() -> None:
    modules = (device, issuing, operations, chain, peers)
    routes = [route for module in modules for route in module.ROUTES]
    paths = describe(routes, "http://127.0.0.1:8081")["paths"]
    served = {(how.upper(), path) for path, item in paths.items() for how in item}

    shown = headings((REFERENCE / "http-api.md").read_text())

    assert served == {match.groups() for text in shown if (match := _ROUTE.match(text))}


def test_every_configuration_key_is_documented_with_its_default() -> None:
    expected = {
        (field.encode_name, key.encode_name): _default(key)
        for field in msgspec.structs.fields(Config)
        for key in msgspec.structs.fields(_section(field.type))
    }

    assert expected == dict(_documented_keys())


def _section(kind: object) -> type[msgspec.Struct]:
    """The table's struct, out of `Tls | None` and `tuple[ApiKey, ...]`."""
    for item in (kind, *getattr(kind, "__args__", ())):
        if isinstance(item, type) and issubclass(item, msgspec.Struct):
            return item
    raise AssertionError(kind)


def _default(key: msgspec.structs.FieldInfo) -> str:
    if key.required:
        return "required"
    return "none" if key.default is None else f"`{key.default}`"


def _documented_keys() -> Iterator[tuple[tuple[str, str], str]]:
    table = ""
    for line in (REFERENCE / "configuration.md").read_text().splitlines():
        if line.startswith("## "):
            table = line.removeprefix("## ").strip("[]")
        elif row := _ROW.match(line):
            yield (table, row[1]), row[3]


def test_every_command_is_documented() -> None:
    found = set(_commands(get_command(app), "cosignal"))
    found |= set(_commands(get_command(simulator_app), "cosignal-sim"))

    shown = headings((REFERENCE / "commands.md").read_text())

    assert found == {text for text in shown if text.startswith("cosignal")}


def _commands(command: object, name: str) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name
        return
    for child, item in children.items():
        yield from _commands(item, f"{name} {child}")


@pytest.mark.parametrize("name", examples())
def test_the_protocols_examples_are_what_the_code_makes(name: str) -> None:
    page = (REFERENCE / "protocol.md").read_text()

    assert examples()[name] in [block.text for block in blocks(page, "")]


def _cited() -> set[tuple[str, str]]:
    folders = (ROOT / "protocol", ROOT / "server", ROOT / "simulator", ROOT / "tests")
    files = [path for folder in folders for path in folder.rglob("*.py")]
    return {item for path in files for item in _CITATION.findall(_joined(path))}


def _joined(path: Path) -> str:
    return " ".join(path.read_text().split())


@pytest.mark.parametrize(("page", "section"), sorted(_cited()))
def test_every_section_that_the_code_cites_exists(page: str, section: str) -> None:
    assert section in headings((REFERENCE / f"{page}.md").read_text())


def test_every_figure_is_documented_with_its_budget() -> None:
    page = (REFERENCE / "benchmarks.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| ([^|]*?) ?\| ", page, re.MULTILINE)

    assert {(item.name, item.unit, _budget(item.budget)) for item in FIGURES} == set(
        rows
    )


def _budget(budget: Budget | None) -> str:
    if budget is None:
        return ""
    return f"at {'least' if budget.at_least else 'most'} {budget.limit:,.10g}"


def test_everything_that_a_phone_offers_is_documented() -> None:
    text = (REFERENCE / "phone.md").read_text()
    for kind, heading in ((Phone, "Phone"), (UploadDesk, "Uploads")):
        section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        shown = {
            match[1] for match in re.finditer(r"^\| `(\w+)", section, re.MULTILINE)
        }
        names = {name for name in vars(kind) if not name.startswith("_")}

        assert (names | ({"uploads"} if kind is Phone else set())) == shown


def test_every_field_of_an_alerts_ground_is_documented() -> None:
    text = (REFERENCE / "phone.md").read_text().split("\n## Alert\n")[1]
    section = text.split("\n## ")[0]

    for field in msgspec.structs.fields(Ground):
        assert f"`{field.name}`" in section
