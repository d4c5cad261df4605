"""``python -m giblet_core``: the `giblet` command."""

import sys

from giblet_core.commands import main

if __name__ == "__main__":
    sys.exit(main())
