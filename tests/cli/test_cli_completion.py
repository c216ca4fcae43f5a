"""The tab key, as a real bash presses it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lama_tui.cli.completion import model_names
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.paths import Paths
from tests.cli.conftest import Ended
from tests.library.cache_layout import repo_folder
from tests.library.cached import lay_in_cache

PRESS = """
PATH={bin}:$PATH
eval "$(lama completion bash)"
press() {{
    COMP_LINE="$1"; COMP_POINT=${{#1}}; COMP_TYPE=9; COMPREPLY=()
    $(complete -p lama | sed 's/.*-F \\([^ ]*\\).*/\\1/') lama
    printf '%s\\n' "${{COMPREPLY[*]}}"
}}
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_verbs_flags_and_models(home: Path) -> None:
    for name in ("org/one", "org/two", "other/three", "org/\x1b[31mbad"):
        repo_folder(hub_cache_folder(), name).mkdir(parents=True)
    lay_in_cache("org/one", {"config.json": "{}"})
    (Paths.from_environment().models / "mine").mkdir(parents=True)
    pressed = {
        "lama sho": {"show"},
        "lama show o": {"org/one", "org/two", "other/three"},
        "lama rm org/t": {"org/two"},
        "lama run --seed 1 m": {"mine"},
        "lama pull o": {"org/two", "other/three"},  # begun; what is here whole is not offered
    }
    script = PRESS.format(bin=Path(sys.executable).parent) + "\n".join(f"press {json.dumps(line)}" for line in pressed)
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert dict(zip(pressed, (set(line.split()) for line in ended.stdout.splitlines()), strict=True)) == pressed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_code_for_each_shell(shell: str, lama: Callable[..., Ended]) -> None:
    ended = lama("completion", shell)
    assert ended.code == 0 and "_ARGCOMPLETE" in ended.out and "lama" in ended.out


def test_names_are_those_that_can_be_shown(home: Path) -> None:
    repo_folder(hub_cache_folder(), "org/\x1b[31mbad").mkdir(parents=True)
    repo_folder(hub_cache_folder(), "org/gut-é").mkdir(parents=True)
    (Paths.from_environment().models / ".import-1").mkdir(parents=True)
    assert model_names() == ["guide", "org/gut-é"]
