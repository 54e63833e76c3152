"""What a run needs to know of an upstream."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Refusal:
    """A request that the upstream refuses, and the agent's error for it."""

    what: str
    body: dict
    status: int
    code: str = "provider_invalid_request"
    path: str = "/v1/chat/completions"


@dataclass
class Upstream:
    """A server that runs. `releases` counts the calls that it has let go of because the client left; `evidence` is a
    line of its own log or report that shows it."""

    name: str
    base_url: str
    key: str
    endless: dict
    releases: Callable[[], int]
    evidence: Callable[[], str]
    chat_models: list = field(default_factory=lambda: ["gpt-4o-mini"])
    embedding_model: str = ""
    responses_model: str = ""
    errors: list = field(default_factory=list)
    wrong_key: tuple = ("provider_auth_failed", 401)
    canned_chat: bytes = b""
