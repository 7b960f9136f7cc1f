"""The program in a process of its own that ends with its parent: ``python -m msformer.app.child segment …``."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the command line; once standard input ends, as it does when the parent dies, stop in order."""
    threading.Thread(target=_watch, daemon=True).start()
    runpy.run_module("msformer", run_name="__main__")


def _watch() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.argv[0] = "msformer"
    main()
