"""`python -m lama_tui` is the `lama` command."""

import sys

from lama_tui.cli.main import main

sys.exit(main())
