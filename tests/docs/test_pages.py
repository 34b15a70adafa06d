import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links, name_of, prose

README_LINES = 120

_NAMED_TEST = re.compile(r"\[`(test_\w+)`\]\(([^)]+\.py)\)")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [target for target in links(page.read_text()) if not _exists(page, target)]

    assert not dead


def _exists(page: Path, target: str) -> bool:
    if target.startswith("https://"):
        return True  # Others' pages come and go; tests do not ask the network.
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.is_relative_to(ROOT) or not file.exists():
        return False
    if not anchor:
        return True
    return anchor in anchors(file.read_text())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    missing = [
        name
        for name, target in _NAMED_TEST.findall(page.read_text())
        if not re.search(
            rf"^(async )?def {name}\(", (page.parent / target).read_text(), re.MULTILINE
        )
    ]

    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_has_one_title(page: Path) -> None:
    titles = [line for line in prose(page.read_text()) if line.startswith("# ")]

    assert len(titles) == 1


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = (target.partition("#")[0] for target in links(page.read_text()))
        todo += [
            (page.parent / item).resolve() for item in targets if "://" not in item
        ]

    assert set(PAGES) <= seen
