"""A worker process: reads items from its standard input, answers on its standard output, and ends with its parent.

Started as ``python -c`` and not by ``multiprocessing``: nothing of the caller's script runs in it again, a daemon of a
cluster may have one, and its input ends when its parent does.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from typing import Any, BinaryIO

from msformer import stopping
from msformer.processes import end_with_parent, limit_memory, limit_threads

START = "from msformer.executors.worker import main; main()"
"""What Python is told to run."""


def main() -> None:
    """Work until the input ends."""
    for number in stopping.SIGNALS:  # they reach all processes of a terminal or job; the first process decides
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(AttributeError):  # the parent held them back until here
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping.SIGNALS)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed goes to the log and not among the answers
    end_with_parent()
    limit_threads(int(sys.argv[1]))
    _serve(sys.stdin.buffer, answers)


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    call: Any = None
    while True:
        try:
            new_call, item, memory = pickle.load(questions)
        except EOFError:
            return
        call = new_call or call
        limit_memory(memory)
        try:
            answer = (True, call(item))
        except Exception as error:  # it is raised where the item came from
            answer = (False, error)
        try:
            answers.write(_packed(answer))
            answers.flush()
        except BrokenPipeError:  # nobody asks any more
            os._exit(1)


def _packed(answer: tuple[bool, Any]) -> bytes:
    try:
        packed = pickle.dumps(answer)
        if not answer[0]:
            pickle.loads(packed)
    except Exception:  # any may come out of strangers' classes
        return pickle.dumps((False, RuntimeError(f"an answer that cannot be sent: {answer[1]!r}")))
    return packed
