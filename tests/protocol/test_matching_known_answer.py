from collections.abc import Callable

import pytest

from cosignal.protocol.matching import Hit, KeyColumns, Sightings, portable
from cosignal.protocol.matching.columns import Prepare, Search
from cosignal.protocol.matching.known_answer import finds_known_hits


def spoiled(spoil: Callable[[list[Hit]], list[Hit]]) -> Prepare:
    """The portable path, with something done to its hits."""

    def prepare(keys: KeyColumns, sightings: Sightings) -> Search:
        search = portable.prepare(keys, sightings)
        return lambda needed: spoil(search(needed))

    return prepare


def test_the_portable_path_finds_what_is_known() -> None:
    assert finds_known_hits(portable.prepare)


def test_hits_may_come_in_any_order() -> None:
    assert finds_known_hits(spoiled(lambda hits: hits[::-1]))


SPOILT: dict[str, Callable[[list[Hit]], list[Hit]]] = {
    "all": lambda _: [],
    "first": lambda hits: hits[1:],
    "last": lambda hits: hits[:-1],
    "twice": lambda hits: [*hits, hits[0]],
    "later": lambda hits: [Hit(h.key, h.sighting, h.interval + 1) for h in hits],
    "lane": lambda hits: [h for h in hits if h.key != 4],
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_hit_too_few_or_too_many_is_noticed(how: str) -> None:
    assert not finds_known_hits(spoiled(SPOILT[how]))
