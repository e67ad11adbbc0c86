"""`python -m verilora` is `verilora`."""

import sys

from verilora.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
