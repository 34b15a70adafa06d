r"""Text of others on a terminal, where some characters are orders.

What this module guarantees:

* Whatever moves the cursor, turns the direction of writing or begins a line without
  being a newline is shown as an escape, such as `\x9b`; so is every other character
  that cannot be seen.
"""


def printable(text: str) -> str:
    r"""Show every character of a text, on one line.

    >>> printable("alert\x9b2K 900\u202e")
    'alert\\x9b2K 900\\u202e'
    """
    return "".join(
        item if item.isprintable() else item.encode("unicode_escape").decode("ascii")
        for item in text
    )
