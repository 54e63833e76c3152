"""What becomes of a call."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Answer:
    """A whole answer: its usage, when it began, and the seconds that the provider took for it."""

    prompt_tokens: int
    output_tokens: int
    first_at: float  # CLOCK_MONOTONIC
    service: float


class Refused(Exception):
    """No answer. ``kind`` says what came instead, ``after`` how many seconds to wait before asking again."""

    def __init__(self, kind, retryable, after):
        super().__init__(kind)
        self.kind, self.retryable, self.after = kind, retryable, after


@dataclasses.dataclass
class Tally:
    """What one call has cost so far, counted while it goes on so that a call that is cut short is counted too."""

    attempts: int = 0  # exchanges with the provider
    refusals: int = 0  # 429s that the caller itself saw
    asked: int = 0  # how often the caller began anew


@dataclasses.dataclass
class Record:
    """One call, as its caller saw it. Times are seconds from the run's start."""

    tenant: str
    lane: str
    charge: float
    began: float
    ended: float
    outcome: str  # ``ok``, ``unfinished`` at the run's end, or what came instead
    attempts: int
    refusals: int
    asked: int
    first: float = 0.0  # seconds from the call's beginning to the first byte of its answer
    service: float = 0.0  # seconds that the provider took for the answer
    tokens: int = 0  # prompt and output, as the answer's usage says
