"""What a person reads: what was done, what came of it, and the count at the end."""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
WIDTH = 150


class Transcript:
    """Prints lines of a bounded width, and counts the checks. Names of the machine's directories are left out."""

    def __init__(self, program, scratch):
        self.passed = 0
        self.failed = 0
        self._short = {str(program): "sluice", str(scratch): "SCRATCH", str(HERE): "Tests/Upstreams"}

    def section(self, title):
        print(f"\n== {self._shorten(title)}", flush=True)

    def step(self, command):
        """A command line, as it was run."""
        print(f"$ {clip(self._shorten(command), 2 * WIDTH)}", flush=True)

    def saw(self, value):
        """What came of it."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for line in text.splitlines():
            print(f"    {clip(self._shorten(line), WIDTH)}", flush=True)

    def check(self, what, passed, otherwise=None):
        """One check; `otherwise` is shown when it failed."""
        if passed:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'PASS' if passed else 'FAIL'}  {what}", flush=True)
        if not passed and otherwise is not None:
            print(f"      {otherwise}", flush=True)

    def close(self):
        """The closing line; gives the exit status."""
        print(f"\n{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0

    def _shorten(self, text):
        for long, short in self._short.items():
            text = text.replace(long, short)
        return text


def clip(text, width):
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"
