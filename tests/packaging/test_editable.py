"""An editable install is the checkout itself: nothing of it is copied, so nothing grows stale."""

from collections.abc import Callable
from pathlib import Path

from tests.packaging.environment import ROOT, Environment


def test_a_checkout_uses_its_own_files(install: Callable[..., Environment]) -> None:
    editable = install("--editable", ROOT)
    program = "from lama_tui import paths; print(paths.PACKAGE, paths.shipped_themes(), sep='\\n')"
    package, themes = map(Path, editable.python(program).splitlines())
    assert package == ROOT / "lama_tui"
    assert themes == ROOT / "themes"
    assert not list(editable.folder.rglob("site-packages/lama_tui"))
