"""Where the agent's socket is."""

from __future__ import annotations

import os
from typing import List, Optional


def candidates() -> List[str]:
    """The paths at which an agent may listen, most specific first."""
    explicit = os.environ.get("SLUICE_SOCKET")
    if explicit:
        return [explicit]
    found = []
    for variable, rest in (("RUNTIME_DIRECTORY", "agent.sock"), ("XDG_RUNTIME_DIR", "sluice/agent.sock")):
        for directory in os.environ.get(variable, "").split(":"):
            if directory:
                found.append(os.path.join(directory, rest))
    return found + ["/run/sluice/agent.sock"]


def discover(path: Optional[str] = None) -> str:
    """``path`` where it is given, else the first candidate that exists, else the last one."""
    if path:
        return path
    paths = candidates()
    return next((each for each in paths if os.path.exists(each)), paths[-1])
