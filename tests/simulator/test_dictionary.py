from cosignal.simulator.parameters.declaration import declarations
from cosignal.simulator.parameters.dictionary import entries, markdown
from cosignal.simulator.parameters.tree import Parameters
from tests.docs.pages import ROOT


def test_every_parameter_stands_in_the_dictionary_once() -> None:
    names = [entry.name for entry in entries()]
    wanted = {name for name, _, _ in declarations(Parameters())}

    assert sorted(set(names)) == sorted(names)
    assert wanted <= set(names)
    assert {"variants.seeds", "closures.factor"} <= set(names)


def test_every_parameter_says_what_it_is_and_where_its_default_comes_from() -> None:
    lacking = [
        entry.name for entry in entries() if not entry.meaning or not entry.source
    ]

    assert not lacking


def test_the_page_has_what_the_declarations_say() -> None:
    page = (ROOT / "docs" / "reference" / "simulator-parameters.md").read_text()

    assert page.endswith(markdown())
