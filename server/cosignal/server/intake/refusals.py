"""An answer other than success, as the intake decides it and the API sends it."""

from cosignal.protocol.errors import CosignalError


class RequestError(CosignalError):
    """A request that gets a certain status and error code.

    Attributes:
        status: HTTP status.
        code: Google's error code, or ours where they have none.
        retry_after: Seconds until another try makes sense; 0 for none.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: int = 0,
        advice: str = "",
    ) -> None:
        """Keep what the answer needs."""
        super().__init__(message, advice=advice)
        self.status = status
        self.code = code
        self.retry_after = retry_after
