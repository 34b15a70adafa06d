"""Every error Cosignal raises on purpose, in one tree.

::

    CosignalError                   .advice: what a person should do next
    ├── UsageError                  our caller's bug: wrong argument, wrong order
    ├── MalformedError              bytes do not parse                       -> 400
    ├── VerificationError           bytes parse but prove nothing            -> 422
    │   ├── SignatureInvalidError   a signature by a known key fails, or none is known
    │   ├── InclusionError          an inclusion proof does not lead to the root
    │   ├── ConsistencyError        two tree heads are not prefix and extension
    │   ├── QuorumError             too few good co-signatures
    │   ├── StaleError              the quorum's newest word is too old
    │   ├── ExpiredError            a certificate or token is past its time
    │   ├── ChainRuleError          an entry breaks a rule; carries its index
    │   ├── BodyMismatchError       a body is not the one its record commits to
    │   └── SplitViewError          two signed histories; carries the evidence
    ├── RefusedError                valid, but a rule says no                -> 403/409
    │   └── InvalidKeyError         a diagnosis key no authority may publish
    ├── SourceError                 a place to read the chain from does not give a file
    │   ├── NotFoundError           it has no such file
    │   ├── GoneError               it had the file and erased it
    │   └── UnavailableError        no answer, or none that can be taken
    └── FatalError                  state on disk is unknown: stop, recover on restart

Messages say what was expected and what came. They never hold a key, a code, a token
or an address.
"""


class CosignalError(Exception):
    """Anything Cosignal raises on purpose.

    Attributes:
        advice: One sentence saying what a person should do next; may be empty.
    """

    def __init__(self, message: str, *, advice: str = "") -> None:
        """Keep the message and the advice apart, so that each can be shown alone."""
        super().__init__(message)
        self.advice = advice
        if advice:  # a traceback ends with it; str() stays the message alone
            self.add_note(advice)


class UsageError(CosignalError):
    """The caller broke this library's contract."""


class MalformedError(CosignalError):
    """Bytes are not in the format they claim to be; the only error parsers raise."""


class VerificationError(CosignalError):
    """Bytes are well formed but do not prove what they should."""


class SignatureInvalidError(VerificationError):
    """A known key's signature does not verify, or no known key signed."""


class InclusionError(VerificationError):
    """An inclusion proof does not lead from its leaf to the root."""


class ConsistencyError(VerificationError):
    """A tree head is not an extension of an earlier one."""


class QuorumError(VerificationError):
    """Fewer good co-signatures than the policy's quorum."""


class StaleError(VerificationError):
    """The quorum last spoke too long ago; something withholds newer checkpoints."""


class ExpiredError(VerificationError):
    """A good signature on a certificate or token whose time is over."""


class ChainRuleError(VerificationError):
    """An entry breaks a rule of the chain.

    Attributes:
        index: The first entry found wrong.
    """

    def __init__(self, message: str, *, index: int, advice: str = "") -> None:
        """Name the entry, so that everybody can look at the same one."""
        super().__init__(f"entry {index}: {message}", advice=advice)
        self.index = index


class BodyMismatchError(VerificationError):
    """A block's body is not the one its record commits to, or breaks its rules."""


class SplitViewError(VerificationError):
    """Two histories carry good signatures; whoever signed both has lied.

    Attributes:
        evidence: A portable evidence file; anyone can check it offline.
    """

    def __init__(self, message: str, *, evidence: bytes, advice: str = "") -> None:
        """Keep the evidence with the error, so that no handler can lose it."""
        super().__init__(message, advice=advice)
        self.evidence = evidence


class RefusedError(CosignalError):
    """A well-formed, honest request that a rule does not allow."""


class InvalidKeyError(RefusedError):
    """A diagnosis key that no authority may publish; the message names the rule."""


class SourceError(CosignalError):
    """A place to read the chain from does not give what it was asked for."""


class NotFoundError(SourceError):
    """The place has no such file; another one may."""


class GoneError(SourceError):
    """The place had the file and erased it, as it must when a body expires."""


class UnavailableError(SourceError):
    """The place does not answer, or not with what can be taken."""


class FatalError(CosignalError):
    """What is on disk is no longer certain; the process must stop and recover."""
