"""The `cosignal` command.

What this module guarantees:

* It alone reads the real clock and real randomness, and hands them on.
* Every command has ``--help`` with an example and ``--json``; it exits with 0 when
  done, 1 when the thing it checked is false, 2 for wrong usage or settings.
"""

import asyncio
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import aiohttp
import typer

from cosignal.client.sources import reason
from cosignal.protocol.errors import CosignalError, RefusedError, UsageError
from cosignal.server import logs
from cosignal.server.clock import system_clock, system_entropy
from cosignal.server.commands import (
    client,
    demo,
    fsck,
    keys,
    mirror,
    record,
    schemes,
    verify,
    watch,
)
from cosignal.server.commands.lifeline import follow_stdin
from cosignal.server.commands.terminal import (
    EXIT_FALSE,
    EXIT_USAGE,
    Json,
    complain,
    read_file,
    say,
)
from cosignal.server.config import NAME, load_config
from cosignal.server.network import MAX_AUTHORITIES, NetworkPlan, write_network

app = typer.Typer(
    help="Exposure notification on a chain that no single authority controls.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # a traceback could show a secret
)
network_app = typer.Typer(help="Found a network.", no_args_is_help=True)
code_app = typer.Typer(help="Verification codes.", no_args_is_help=True)
app.add_typer(network_app, name="network")
app.add_typer(code_app, name="code")
app.add_typer(keys.app, name="keys")
app.add_typer(record.app, name="record")
app.add_typer(client.app, name="client")
app.command("demo")(demo.command)
app.command("verify")(verify.command)
app.command("watch")(watch.command)
app.command("mirror")(mirror.command)
app.command("fsck")(fsck.command)
app.command("schemes")(schemes.command)

ISSUE_TIMEOUT_SECONDS = 30


@network_app.command("new")
def network_new(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    authorities: Annotated[
        int, typer.Option(min=1, max=MAX_AUTHORITIES, help="How many.")
    ] = 4,
    *,
    network: Annotated[str, typer.Option(help="Name of the network.")] = (
        "demo.cosignal.example"
    ),
    base_port: Annotated[
        int, typer.Option(min=1, max=65_000, help="Port of the first node.")
    ] = 8081,
    retention_days: Annotated[
        int, typer.Option(min=1, max=365, help="Life of a body.")
    ] = 14,
    minimum: Annotated[
        int, typer.Option(min=1, max=10_000, help="Fewest keys in a block.")
    ] = 50,
    seal_seconds: Annotated[
        int, typer.Option(min=1, max=86_400, help="Time between blocks.")
    ] = 60,
    as_json: Json = False,
) -> None:
    """Make keys, policy, first configuration and nodes, on loopback addresses.

    Example: cosignal network new trial --authorities 4
    """
    if not re.match(NAME, network):
        raise UsageError(
            f"--network: expected a name like health.example, got {network!r}",
            advice="Lower-case letters, digits, dots and hyphens, as in a host name.",
        )
    plan = NetworkPlan.on_loopback(
        network,
        range(base_port, base_port + authorities),
        retention_days=retention_days,
        minimum=minimum,
        seal_seconds=seal_seconds,
    )
    configs = write_network(folder, plan, system_entropy)
    configuration = folder / "configuration"
    say(
        [
            f"policy         {folder / 'policy'}",
            f"configuration  {configuration}",
            *(f"node           {path}" for path in configs),
        ],
        {
            "network": network,
            "policy": str(folder / "policy"),
            "configuration": str(configuration),
            "configs": [str(path) for path in configs],
            "nodes": list(plan.urls),
        },
        as_json=as_json,
    )


@app.command("serve")
def serve_node(
    config: Annotated[Path, typer.Option(help="The node's TOML file.")],
    *,
    exit_with_stdin: Annotated[
        bool, typer.Option("--exit-with-stdin", help="End when standard input ends.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run one authority's node until SIGTERM or SIGINT.

    Example: cosignal serve --config trial/authority-1/config.toml
    """
    # Only here: whoever just reads a chain need not wait for the database's code.
    from cosignal.server.serving import serve  # noqa: PLC0415

    settings = load_config(config)
    name = settings.node.name
    logs.configure(name)
    if exit_with_stdin:
        follow_stdin()

    def ready(url: str) -> None:
        say([f"{name} listens on {url}"], {"node": name, "url": url}, as_json=as_json)

    asyncio.run(
        serve(settings, clock=system_clock, entropy=system_entropy, ready=ready)
    )


@code_app.command("issue")
def code_issue(
    url: Annotated[str, typer.Option(help="Base URL of the node.")],
    api_key_file: Annotated[Path, typer.Option(help="File of the issuing API key.")],
    test_type: Annotated[
        str, typer.Option(help="confirmed, likely or negative.")
    ] = "confirmed",
    symptom_date: Annotated[str, typer.Option(help="YYYY-MM-DD.")] = "",
    test_date: Annotated[str, typer.Option(help="YYYY-MM-DD.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """Issue one verification code to hand to a person.

    Example: cosignal code issue --url http://127.0.0.1:8081
    --api-key-file trial/authority-1/api-keys/issuing.key --symptom-date 2026-11-20
    """
    try:
        api_key = read_file(api_key_file, "--api-key-file").decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise UsageError(
            "--api-key-file: expected an API key as text, got a binary file",
            advice="Name the file that holds the key's text, such as issuing.key.",
        ) from error
    request = {
        "testType": test_type,
        "symptomDate": symptom_date,
        "testDate": test_date,
    }
    answer = asyncio.run(_post(f"{url.rstrip('/')}/api/issue", request, api_key))
    answer.pop("padding", None)
    say(
        [
            f"code       {answer['code']}  until {answer['expiresAt']}",
            f"long code  {answer['longCode']}  until {answer['longExpiresAt']}",
        ],
        answer,
        as_json=as_json,
    )


def main() -> None:
    """Run the command and turn errors into exit codes."""
    try:
        app()
    except (UsageError, RefusedError) as error:
        _fail(error, EXIT_USAGE)
    except CosignalError as error:
        _fail(error, EXIT_FALSE)
    except OSError as error:
        # A folder that cannot be made, a full disk.
        place = error.filename or "file"
        refusal = CosignalError(
            f"{place}: expected to be able to use it, got {error.strerror}",
            advice="Check its path, its owner and the free space, or name another.",
        )
        _fail(refusal, EXIT_FALSE)


def _fail(error: CosignalError, code: int) -> NoReturn:
    """Complain to people, and with `--json` to programs as well."""
    complain(error)
    if "--json" in sys.argv:
        value = {"ok": False, "error": str(error), "advice": error.advice}
        with suppress(OSError):  # standard output may be what failed
            say([], value, as_json=True)
    sys.exit(code)


async def _post(url: str, body: Mapping[str, Any], api_key: str) -> dict[str, Any]:
    timeout = aiohttp.ClientTimeout(total=ISSUE_TIMEOUT_SECONDS)
    headers = {"X-API-Key": api_key}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json=body, headers=headers) as answer,
        ):
            value: dict[str, Any] = await answer.json()
            if answer.ok:
                return value
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CosignalError(
            f"node: expected an answer from {url}, got {reason(error)}",
            advice="Check that the node runs and that --url is its base URL.",
        ) from error
    raise CosignalError(
        f"node: expected a code, got {answer.status}: "
        f"{value.get('error') or value.get('detail', '')}",
        advice="Check --url, --api-key-file and the other options.",
    )
