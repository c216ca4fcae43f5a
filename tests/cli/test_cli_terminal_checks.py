"""What doctor makes of the terminal's answers, of the environment, and of tmux."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lama_tui.cli import terminal_checks
from lama_tui.cli.terminal_answers import Answers
from lama_tui.cli.terminal_checks import check_clipboard, check_colours, check_keys, check_kitty_keys, check_tmux
from lama_tui.config.loader import load_settings
from lama_tui.config.settings import Settings
from lama_tui.paths import Paths
from lama_tui.ui.terminal import tmux as tmux_module
from lama_tui.ui.terminal.tmux import Tmux, find_tmux, hand_over

KNOWS = Answers(True, True, "kitty(0.32)", True, True, True, True)
PLAIN = Answers(True, True, None, False, False, False, None)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "STY", "SSH_CONNECTION", "NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize(
    ("variables", "status", "said"),
    [
        ({"TERM": "dumb"}, "warning", "set TERM"),
        ({"TERM": ""}, "warning", "set TERM"),
        ({"TERM": "xterm-256color"}, "ok", ""),
    ],
)
def test_the_terminal(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], status: str, said: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = terminal_checks.check_terminal(KNOWS)
    assert found.status == status
    assert said in found.hint if said else not found.hint
    assert found.value.startswith("kitty(0.32), TERM=")


def test_over_ssh_is_told_without_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.8 22")
    found = terminal_checks.check_terminal(Answers())
    assert "over SSH" in found.value and "192.0.2" not in found.value


@pytest.mark.parametrize(
    ("colorterm", "answers", "status", "said"),
    [
        ("truecolor", KNOWS, "ok", ""),
        ("truecolor", Answers(), "ok", ""),
        ("truecolor", PLAIN, "warning", "unset COLORTERM"),
        ("", KNOWS, "warning", "export COLORTERM=truecolor"),
        ("", PLAIN, "ok", "256 colours"),
        ("", Answers(), "ok", "256 colours"),
    ],
)
def test_colours(monkeypatch: pytest.MonkeyPatch, colorterm: str, answers: Answers, status: str, said: str) -> None:
    for name in ("NO_COLOR", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", colorterm)
    found = check_colours(answers)
    assert found.status == status
    assert said in found.hint if said else not found.hint


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"NO_COLOR": "1"}, "none is sent"),
        ({"TERM": "vt100"}, "none is sent to TERM=vt100"),
        ({"TERM": "linux"}, "`terminal`"),
        ({"TERM": "xterm-kitty"}, "all are sent"),
        ({"TERM": "screen-256color", "STY": "1.x", "COLORTERM": "truecolor"}, "256 are sent"),
    ],
)
def test_what_is_sent_instead(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str) -> None:
    for name in ("NO_COLOR", "STY", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = check_colours(Answers())
    assert found.status == "ok" and said in f"{found.value} {found.hint}"


def test_the_keys_that_do_without_the_protocol_are_the_persons() -> None:
    assert not check_kitty_keys(KNOWS, Settings(), None).hint
    assert check_kitty_keys(PLAIN, Settings(), Tmux()).hint.startswith("in tmux ctrl+j starts a new line")
    assert check_kitty_keys(PLAIN, Settings(keys={"composer.newline": "shift+enter,f12"}), None).hint.startswith("f12 ")
    assert not check_kitty_keys(PLAIN, Settings(keys={"composer.newline": "f12"}), None).hint


@pytest.mark.parametrize(
    ("answers", "tmux", "status", "said"),
    [
        (KNOWS, None, "ok", "takes it"),
        (PLAIN, None, "ok", "unknown"),
        (Answers(), None, "ok", "not asked"),
        (KNOWS, Tmux("3.3a", "external"), "ok", "tmux hands it on"),
        (KNOWS, Tmux("3.1c", "external"), "warning", "set-clipboard is external"),
        (KNOWS, Tmux("3.3a", "off"), "warning", "set-clipboard is off"),
        (KNOWS, Tmux("3.3a", "on"), "ok", "takes it"),
        (KNOWS, Tmux(), "ok", "takes it"),
    ],
)
def test_the_clipboard(
    monkeypatch: pytest.MonkeyPatch, answers: Answers, tmux: Tmux | None, status: str, said: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    found = check_clipboard(answers, tmux)
    assert (found.status, said in found.value) == (status, True)
    assert bool(found.hint) == (status == "warning")


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """A program in place of tmux, which may take its time."""
    monkeypatch.setattr(tmux_module, "_SECONDS", 60.0)

    def make(script: str) -> list[str]:
        program = tmp_path / "tmux"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return [str(program)]

    return make


INSIDE = {"TMUX": "/tmp/tmux-1/default,1,0", "PATH": "/usr/bin:/bin"}


def test_tmux_is_asked_only_inside_it(tmux: Callable[[str], list[str]]) -> None:
    assert find_tmux({}, tmux("exit 1")) is None
    found = find_tmux(INSIDE, tmux("printf '3.3a\\nexternal\\n0\\n\\n'"))
    assert found == Tmux("3.3a", "external", "off", None)
    check = check_tmux(found)
    assert check.value == "tmux 3.3a, set-clipboard external, extended-keys off, allow-passthrough –"
    assert "extended-keys" in check.hint


@pytest.mark.parametrize("script", ["exit 1", "printf ''; exit 127", "exec sleep 60"])
def test_a_tmux_that_fails_or_hangs(
    tmux: Callable[[str], list[str]], script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tmux_module, "_SECONDS", 0.3)
    found = find_tmux(INSIDE, tmux(script))
    assert found == Tmux()
    assert check_tmux(found).status == "warning" and check_tmux(found).hint


def test_tmux_is_handed_what_was_copied(tmux: Callable[[str], list[str]], tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    command = tmux(f'test "$*" = "load-buffer -w -" && cat > {copied}')
    assert hand_over("zwei\nü", command)
    assert copied.read_text() == "zwei\nü"
    assert not hand_over("text", tmux("exit 1"))
    assert not hand_over("text", ["/no/such/tmux"])


def test_no_tmux_where_it_is_said_to_be() -> None:
    assert find_tmux(INSIDE, ["/no/such/tmux"]) == Tmux()


def test_keys_that_come_only_with_alt_are_told(home: Path) -> None:
    paths = Paths.from_environment()
    paths.config.mkdir(parents=True)
    paths.config_file.write_text('[keys]\npreset = "emacs"\nmodels.open = "alt+m"\nconversation.new = "f12,alt+n"\n')
    loaded = load_settings(paths)
    assert loaded.problems == ()
    found = check_keys(loaded.settings, loaded.sources)
    assert found.status == "warning"
    assert found.value == "preset emacs, and 2 of your own; only with alt: alt+m (models.open)"
    assert check_keys(Settings(), {}).value == "preset default"
