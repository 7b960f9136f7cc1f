"""The page on which masks are looked at, corrected and saved: ``msformer app``."""

from msformer.app.desk import Desk, Task
from msformer.app.sample import write_sample
from msformer.app.server import serve

__all__ = ["Desk", "Task", "serve", "write_sample"]
