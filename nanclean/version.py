"""The version of the installed package. It is written down in pyproject.toml only."""

from __future__ import annotations

import os
import sys


def version() -> str | None:
    """As the name of the installed metadata says it; None in a folder that was never installed.

    To read them with importlib.metadata imports all of email.
    """
    for folder in dict.fromkeys((os.path.dirname(os.path.dirname(os.path.abspath(__file__))), *sys.path)):
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            if name.startswith("nanclean-") and name.endswith(".dist-info"):
                return name.removeprefix("nanclean-").removesuffix(".dist-info")
    return None
