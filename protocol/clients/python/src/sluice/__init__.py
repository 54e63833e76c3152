"""Client for the Sluice agent: OpenAI calls over a local Unix socket, without a key in your process.

    import sluice

    with sluice.Client() as client:
        print(client.chat("gpt-4o-mini", "Say hello.", tenant="acme").text)
"""

from ._async import AsyncClient, AsyncStream
from ._discover import discover
from ._errors import (
    AgentUnreachable,
    CallerError,
    ConnectionLost,
    InternalError,
    PolicyError,
    ProtocolViolation,
    ProviderError,
    SluiceError,
    StreamTruncated,
)
from ._model import Chunk, Fallback, Hello, Progress, Result, Timing, Usage
from ._sync import Client, Stream
from ._call import VERSION as __version__

__all__ = [
    "AgentUnreachable",
    "AsyncClient",
    "AsyncStream",
    "CallerError",
    "Chunk",
    "Client",
    "ConnectionLost",
    "Fallback",
    "Hello",
    "InternalError",
    "PolicyError",
    "Progress",
    "ProtocolViolation",
    "ProviderError",
    "Result",
    "SluiceError",
    "Stream",
    "StreamTruncated",
    "Timing",
    "Usage",
    "__version__",
    "discover",
]
