"""``python -m sluice "prompt"``: one streamed chat completion on the terminal."""

from __future__ import annotations

import argparse
import json
import sys
from typing import List, Optional

from . import Client, SluiceError, __version__


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sluice", description="Ask a model through the local agent.")
    parser.add_argument("prompt", help="the question; - reads standard input")
    parser.add_argument("-m", "--model", default="gpt-4o-mini", help="default: %(default)s")
    parser.add_argument("-s", "--socket", help="the agent's socket; default: found by SLUICE_SOCKET and so on")
    parser.add_argument("-t", "--tenant", help="on whose behalf")
    parser.add_argument("-d", "--deadline", type=float, help="seconds for the whole call")
    parser.add_argument("--no-stream", action="store_true", help="wait for the whole answer")
    parser.add_argument("--json", action="store_true", help="print the body (or each chunk) as it came")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs the command; 1 when the call failed, 130 when it was interrupted."""
    options = _arguments().parse_args(arguments)
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    routing = {name: getattr(options, name) for name in ("tenant", "deadline") if getattr(options, name) is not None}
    try:
        with Client(options.socket, name=f"sluice-python-cli/{__version__}") as client:
            if options.no_stream:
                result = client.chat(options.model, prompt, **routing)
                print(result.raw.decode("utf-8") if options.json else result.text)
                return 0
            with client.chat_stream(options.model, prompt, **routing) as stream:
                for chunk in stream:
                    print(chunk.raw.decode("utf-8") if options.json else chunk.text, flush=True,
                          end="\n" if options.json else "")
            if not options.json:
                print()
            return 0
    except SluiceError as error:
        print(error, file=sys.stderr)
        if error.upstream is not None:
            print(json.dumps(error.upstream, ensure_ascii=False), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
