"""What can go wrong, as exceptions: one class for each family of the protocol's error vocabulary."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Type


class SluiceError(Exception):
    """A call that did not succeed.

    ``code`` is from the closed vocabulary in ``errors.json``; codes that begin with ``local_`` arise in this client
    and never on the wire. ``retryable`` says that the same call may succeed later, ``retry_after_ms`` when.
    ``charged`` is ``none``, ``estimated`` or ``exact``: whether the provider may have billed the call.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_ms: Optional[int] = None,
        limit: Optional[str] = None,
        field: Optional[str] = None,
        status: Optional[int] = None,
        upstream: Any = None,
        attempts: int = 0,
        charged: str = "none",
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.limit = limit
        self.field = field
        self.status = status
        self.upstream = upstream
        self.attempts = attempts
        self.charged = charged

    def __reduce__(self) -> Any:
        keywords = {key: value for key, value in self.__dict__.items() if key not in ("code", "message")}
        return _rebuild, (type(self), self.code, self.message, keywords)


class CallerError(SluiceError):
    """The frame or the connection broke a rule of the protocol, or the caller cancelled."""


class PolicyError(SluiceError):
    """The agent refused the call or gave it up: queue, deadline, limits, allowlist, drain."""


class ProviderError(SluiceError):
    """The provider refused the call, failed, or could not be reached."""


class StreamTruncated(ProviderError):
    """The bytes of a stream ended without its terminal marker: what was received is incomplete."""


class InternalError(SluiceError):
    """The agent has a defect, or it sent a code that this client does not know."""


class AgentUnreachable(SluiceError):
    """No agent could be reached: nothing was sent."""


class ConnectionLost(SluiceError):
    """The connection to the agent ended while the call was in flight: it may have been made and billed."""


class ProtocolViolation(SluiceError):
    """The peer does not speak this protocol."""


_FAMILIES: Dict[str, Type[SluiceError]] = {
    "caller": CallerError,
    "policy": PolicyError,
    "provider": ProviderError,
}


def _rebuild(kind: Type[SluiceError], code: str, message: str, keywords: Dict[str, Any]) -> SluiceError:
    return kind(code, message, **keywords)


def from_wire(members: Mapping[str, Any]) -> SluiceError:
    """The exception for an ``error`` event, or for the ``error`` member of a stream's ``result``."""
    code = str(members.get("code", "internal"))
    kind = _FAMILIES.get(code.split("_", 1)[0], InternalError)
    return kind(
        code,
        str(members.get("message", "")),
        retryable=members.get("retryable") is True,
        retry_after_ms=members.get("retry_after_ms"),
        limit=members.get("limit"),
        field=members.get("field"),
        status=members.get("status"),
        upstream=members.get("upstream"),
        attempts=int(members.get("attempts", 0)),
        charged=str(members.get("charged", "none")),
    )
