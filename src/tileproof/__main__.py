"""`python -m tileproof` is `tileproof`."""

import sys

from tileproof.cli import main

if __name__ == "__main__":
    sys.exit(main())
