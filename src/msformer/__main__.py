"""``python -m msformer``."""

from msformer.cli import main

if __name__ == "__main__":
    main()
