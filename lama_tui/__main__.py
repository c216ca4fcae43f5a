"""`python -m lama_tui` is the `lama` command."""

import sys

from lama_tui.cli.entry import main

sys.exit(main())
