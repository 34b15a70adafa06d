"""`cosignal record`: draft, sign, merge and submit what authorities decide together.

What this module guarantees:

* What is to be signed is shown word for word, with what it changes, before anybody is
  asked whether to sign it; and exactly that is signed.
* Signatures that do not count are neither kept nor counted, and that is said.
* No file is overwritten that is not a copy of the same record, and of two that sign one
  file at the same moment both are in it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cosignal.client.atomic_files import create_file, locked, replace_file
from cosignal.protocol.errors import RefusedError, UsageError
from cosignal.protocol.keys import SignerKey
from cosignal.server.commands import draft, submit
from cosignal.server.commands.record_options import (
    ChainBefore,
    InForceFiles,
    PolicyBefore,
    read_in_force,
    read_record,
    say_signed,
)
from cosignal.server.commands.terminal import Json
from cosignal.server.config import Config, load_config
from cosignal.server.in_force import InForce
from cosignal.server.keyring import load_founding, load_issuer
from cosignal.server.printing import printable
from cosignal.server.record_files import (
    RecordFile,
    check_may_sign,
    merge,
    sign,
    without_strangers,
)

app = typer.Typer(
    help="What authorities decide: configuration, policy, revocation.",
    no_args_is_help=True,
)
app.add_typer(draft.app, name="draft")
app.command("submit")(submit.command)


@app.command("sign")
def sign_file(
    file: Annotated[Path, typer.Argument(help="A draft, or one that others signed.")],
    config: Annotated[
        Path, typer.Option(help="The TOML file of this authority's node.")
    ],
    *,
    chain: ChainBefore = "",
    policy: PolicyBefore = None,
    in_force: InForceFiles = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Sign without asking, for scripts.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a record and what it changes, ask, and add this authority's signature.

    Read what it shows before you answer: a signature cannot be taken back.

    Example: cosignal record sign next --config trial/authority-1/config.toml
    --chain http://127.0.0.1:8081 --policy trial/policy
    """
    settings = load_config(config)
    signer = load_issuer(settings)
    before = _read_before(settings, chain, policy, in_force or (), as_json=as_json)
    shown = without_strangers(read_record(file), before)
    check_may_sign(shown.record, settings.node.name, signer.verifier, before)
    changes = before.changes(shown.record)
    if not as_json or not yes:
        _show(shown, changes, before, as_json=as_json)
    if not yes and not shown.has_line_of(signer.verifier):
        _ask(settings.node.name)
    signed = add_signature(file, shown, signer, before)
    say_signed(file, signed, changes, as_json=as_json)


@app.command("merge")
def merge_files(
    output: Annotated[
        Path, typer.Argument(help="File to make, or a copy that joins the others.")
    ],
    files: Annotated[list[Path], typer.Argument(help="Copies that others signed.")],
    *,
    chain: ChainBefore = "",
    policy: PolicyBefore = None,
    in_force: InForceFiles = None,
    as_json: Json = False,
) -> None:
    """Put the signatures of several copies of one record into one file.

    Example: cosignal record merge next north/next south/next east/next
    --chain http://127.0.0.1:8081 --policy trial/policy
    """
    before = read_in_force(chain, policy, in_force or (), None, as_json=as_json)
    copies = [read_record(file) for file in files]
    with locked(output):
        if output.exists() or output.is_symlink():
            merged = merge([*copies, _read_copy(output, copies[0])], before)
            replace_file(output, merged.encode())
        else:
            merged = merge(copies, before)
            create_file(output, merged.encode())
    changes = before.changes(merged.record)
    if not as_json:
        _show(merged, changes, before, as_json=as_json)
    say_signed(output, merged, changes, as_json=as_json)


def _read_before(
    settings: Config,
    chain: str,
    policy: Path | None,
    files: Sequence[Path],
    *,
    as_json: bool,
) -> InForce:
    """What is in force; offline it begins with the node's own founding policy."""
    first = load_founding(settings).record if files and not chain else None
    return read_in_force(chain, policy, files, first, as_json=as_json)


def _show(
    shown: RecordFile, changes: Sequence[str], before: InForce, *, as_json: bool
) -> None:
    """Print a record and its changes; beside the result where that is for a program."""
    lines = shown.record.text().removesuffix("\n").split("\n")
    if changes:
        lines += [f"against what is in force ({_versions(before)}):", *changes]
    output = sys.stderr if as_json else sys.stdout
    for line in lines:
        output.write(f"{printable(line)}\n")
    output.flush()


def _versions(before: InForce) -> str:
    found = before.configuration
    configuration = f"configuration {found.version}" if found else "no configuration"
    return f"policy {before.policy.version}, {configuration}"


def _ask(authority: str) -> None:
    sys.stderr.write(f"Sign this as {authority}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RefusedError(
            "sign: expected yes, got another answer; nothing was signed",
            advice="Scripts that have shown it to somebody say --yes.",
        )


def add_signature(
    file: Path, shown: RecordFile, signer: SignerKey, before: InForce
) -> RecordFile:
    """Sign what was shown, in the file as it is now: others may have signed since.

    Args:
        file: Locked meanwhile.
        shown: What a person has seen of it.
        signer: An issuing key that may sign it.
        before: What is in force.

    Returns:
        The file's new contents.

    Raises:
        RefusedError: The file holds another record by now.
    """
    with locked(file):
        found = read_record(file)
        if found.note.text != shown.note.text:
            raise RefusedError(
                f"{file}: expected the record that was shown, got another",
                advice="Somebody changed the file; look at it again. Nothing was "
                "signed.",
            )
        signed = sign(without_strangers(found, before), signer)
        if signed.encode() != found.encode():
            replace_file(file, signed.encode())
    return signed


def _read_copy(output: Path, first: RecordFile) -> RecordFile:
    """Read the file that is to be replaced; not a word of another one is shown."""
    try:
        found = read_record(output)
    except UsageError:
        found = None
    if found is None or found.note.text != first.note.text:
        raise RefusedError(
            f"{output}: expected no such file or a copy of the same record, got "
            "something else",
            advice="Name another file first; what exists is not overwritten.",
        )
    return found
