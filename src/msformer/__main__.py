"""The program: ``msformer``, or ``python -m msformer``.

Signals are taken over before anything is loaded that takes time.
"""

import sys

from msformer import stopping

USAGE, NO_CLUSTER, INPUT_OUTPUT, IN_USE = 2, 69, 74, 75
"""Exit codes; as sysexits.h has them, but for the first."""


def main() -> None:
    """Run the program.

    Exit codes: 0 done, 1 some images failed, 2 usage, 69 a cluster that is gone, 74 a disk that is full or a file that
    cannot be read or written, 75 another run has the folder, 128 and the number of the signal that stopped it.
    """
    stopping.install()
    code = 0
    try:
        from msformer.cli import app

        app()
    except KeyboardInterrupt:
        code = 130
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # told as text where it is one that users cause
        known = _code_of(error)
        if known is not None:
            code = known
            from msformer.plain import printable

            print(f"msformer: error: {printable(str(error))}", file=sys.stderr)  # noqa: T201
        elif stopping.asked() is None:
            raise
        # else a library that was being loaded made an error of its own of the signal, as those of pybind11 do
    number = stopping.asked()
    sys.exit(code if number is None else 128 + number)


def _code_of(error: Exception) -> int | None:
    """What the program ends with after an error; None for those that are its own fault."""
    from msformer.errors import ClusterError, FolderInUseError, MSFormerError

    if isinstance(error, ClusterError):
        return NO_CLUSTER
    if isinstance(error, FolderInUseError):
        return IN_USE
    if isinstance(error, MSFormerError):
        return USAGE
    return INPUT_OUTPUT if isinstance(error, OSError) else None


if __name__ == "__main__":
    main()
