"""Text of others on a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.server.commands.terminal import say
from cosignal.server.printing import printable


@given(st.text())
def test_no_character_reaches_the_terminal_as_an_order(text: str) -> None:
    shown = printable(text)

    assert shown.isprintable()
    assert shown == text or not text.isprintable()


def test_results_of_every_command_are_shown_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(["entry 1\x1b[2J", "a\u202eb", "ü — ok"], {}, as_json=False)

    output = capsys.readouterr().out
    assert output == "entry 1\\x1b[2J\na\\u202eb\nü — ok\n"
