"""Calls that go through the agent, by the project's own Python client."""

import time

import sluice

from outcome import Answer, Refused


class Through:
    """One connection of one process to the agent."""

    # The agent keeps the deadline and says so; a caller that hung up at the same moment would not hear it.
    grace = 1.0

    def __init__(self, path, model):
        self._client = sluice.AsyncClient(path, name="storm")
        self._model = model

    async def connect(self):
        """Says hello."""
        await self._client.connect()

    async def ask(self, call, tally, process, deadline):
        """One call; the agent repeats attempts, not the caller."""
        options = {"tenant": process.tenant, "lane": process.lane.name, "deadline": deadline}
        body, first = call.body(self._model), None
        try:
            if call.stream:
                async with await self._client.stream("/v1/chat/completions", body, **options) as stream:
                    async for _ in stream:
                        first = first or time.monotonic()
                result = stream.result
            else:
                result = await self._client.call("/v1/chat/completions", body, **options)
        except sluice.SluiceError as error:
            tally.attempts += error.attempts
            tally.refusals += error.status == 429
            raise Refused(error.code, error.retryable, (error.retry_after_ms or 0) / 1000) from error
        tally.attempts += result.attempts
        usage = result.usage
        if usage is None:
            raise Refused("no usage", False, 0)
        service = result.timing.upstream_ms / 1000
        return Answer(usage.input_tokens, usage.output_tokens, first or time.monotonic(), service)
