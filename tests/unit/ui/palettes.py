"""The palette of the shipped theme, for tests that draw."""

from lama_tui.config.themes import load_themes
from lama_tui.paths import Paths
from lama_tui.ui.palette import Palette

PALETTE = Palette.of(load_themes(Paths.from_environment({"LAMA_HOME": "/nowhere"})).by_name["lama-dark"])
