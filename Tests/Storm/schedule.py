"""Who calls what, and when: the same for one seed, whatever the calls are made through."""

import dataclasses
import math
import random

QUIET_TENANTS = [f"tenant-{number:02}" for number in range(1, 20)]
RUNAWAY = "runaway"

RPM = 600
TPM = 200_000
OUTPUT_MEDIAN = 120  # tokens that an answer has where nothing cuts it
OUTPUT_SIGMA = 0.5
TTFT_MEDIAN = 0.3  # seconds
TTFT_SIGMA = 0.4
TOKENS_PER_SECOND = 60

_TEXT = "Water falls from one level to the next, and the keeper opens one gate at a time. " * 400


@dataclasses.dataclass(frozen=True)
class Lane:
    """What the callers of one lane have in common."""

    name: str
    deadline: float  # seconds
    processes: int  # quiet ones; each waits for its answer, thinks, and calls again
    cycle: float  # seconds from call to call of an unhindered process
    prompt_bytes: int  # median
    max_tokens: int
    limited: float  # share of calls that give max_tokens
    streamed: float  # share of calls that are streamed
    runaway_processes: int


LANES = [
    Lane("interactive", 10, 24, 7.5, 300, 160, 1.0, 0.6, 3),
    Lane("normal", 30, 20, 10.0, 500, 300, 0.5, 0.3, 3),
    Lane("batch", 75, 12, 4.8, 800, 300, 0.0, 0.0, 2),
]
PROMPT_SIGMA = 0.8
RUNAWAY_PACE = 4.0  # calls per second of each runaway process, whether or not the earlier ones were answered


@dataclasses.dataclass(frozen=True)
class Call:
    """One call. ``pause`` is the time to let pass before it: after the last answer, or after the last call."""

    pause: float
    prompt: str
    max_tokens: "int | None"
    stream: bool

    @property
    def prompt_tokens(self):
        """The provider's count: four bytes a token, and three for the message."""
        return (len(self.prompt) + 3) // 4 + 3

    @property
    def counted_tokens(self):
        """What the provider takes from the token limit when it admits the call."""
        return self.prompt_tokens + (self.max_tokens or OUTPUT_MEDIAN)

    @property
    def charge(self):
        """Tokens, or what one request is worth in tokens where that is more: the scarcer of the two limits."""
        return max(self.counted_tokens, TPM / RPM)

    @property
    def expected_service(self):
        """Seconds that the model takes at the mean of its distributions."""
        output = OUTPUT_MEDIAN * math.exp(OUTPUT_SIGMA**2 / 2)
        first = TTFT_MEDIAN * math.exp(TTFT_SIGMA**2 / 2)
        return first + min(output, self.max_tokens or output) / TOKENS_PER_SECOND

    def body(self, model):
        """The request body as an OpenAI client sends it."""
        body = {"model": model, "messages": [{"role": "user", "content": self.prompt}]}
        if self.max_tokens:
            body["max_tokens"] = self.max_tokens
        if self.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body


@dataclasses.dataclass(frozen=True)
class Process:
    """One calling process."""

    index: int
    tenant: str
    lane: Lane
    seed: int
    scale: float

    @property
    def is_runaway(self):
        """Whether it calls on without waiting for answers."""
        return self.tenant == RUNAWAY

    def calls(self):
        """Its calls, without end."""
        draw = random.Random(f"{self.seed}/{self.index}")
        lane, number = self.lane, 0
        while True:
            number += 1
            pause = draw.expovariate(1)
            size = draw.lognormvariate(math.log(lane.prompt_bytes), PROMPT_SIGMA)
            head = f"Call {number} of process {self.index}. "
            prompt = (head + _TEXT)[: max(len(head), min(int(size), 20_000))]
            max_tokens = lane.max_tokens if draw.random() < lane.limited else None
            call = Call(0, prompt, max_tokens, draw.random() < lane.streamed)
            yield dataclasses.replace(call, pause=pause * self._mean_pause(call))

    def _mean_pause(self, call):
        if self.is_runaway:
            return 1 / (RUNAWAY_PACE * self.scale)
        return max(0.1, self.lane.cycle / self.scale - call.expected_service)

    def demand(self, seconds):
        """Charge per minute that it would use if nothing ever held it up."""
        clock = total = 0.0
        for call in self.calls():
            clock += call.pause + (0 if self.is_runaway else call.expected_service)
            if clock > seconds:
                return total * 60 / seconds
            total += call.charge


def processes(seed, scale):
    """All 64: the tenants' are dealt round the lanes, so that most tenants are in several."""
    found = []
    for lane in LANES:
        for _ in range(lane.processes):
            tenant = QUIET_TENANTS[len(found) % len(QUIET_TENANTS)]
            found.append(Process(len(found), tenant, lane, seed, scale))
    for lane in LANES:
        for _ in range(lane.runaway_processes):
            found.append(Process(len(found), RUNAWAY, lane, seed, scale))
    return found
