"""Another witness's transcript, answered by ours (FiloSottile/torchwood)."""

from base64 import b64encode
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from cosignal.protocol.checkpoints import Checkpoint
from cosignal.protocol.merkle import EMPTY_ROOT
from cosignal.protocol.notes import parse_verifier_key
from cosignal.protocol.policy import Log, Policy
from cosignal.server.ledger.witness import (
    WitnessRefusalError,
    judge,
    parse_submission,
)


def respond(
    request: bytes, policy: Policy, size: int, root: bytes
) -> Checkpoint | WitnessRefusalError:
    try:
        return judge(parse_submission(request), policy, size, root)
    except WitnessRefusalError as refusal:
        return refusal


def test_our_witness_gives_the_answers_of_the_specification(
    load_vectors: Callable[[str], dict[str, Any]],
) -> None:
    transcript = load_vectors("ledger")["witness_add_checkpoint"]
    key = parse_verifier_key(transcript["log_vkey"].encode())
    policy = Policy((Log(key),), (), (), "none")
    size, root = 0, EMPTY_ROOT

    for step in transcript["steps"]:
        answer = respond(step["request_body"].encode(), policy, size, root)
        if isinstance(answer, Checkpoint):
            assert step["status_by_spec_v1"] == HTTPStatus.OK
            size, root = answer.size, answer.root
        else:
            assert answer.status == step["status_by_spec_v1"]
            if answer.status == HTTPStatus.CONFLICT:
                assert answer.body.decode() == f"{size}\n"
                assert answer.content_type == "text/x.tlog.size"
        assert step["state_after"] == [size, b64encode(root).decode()]
