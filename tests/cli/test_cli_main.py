"""Exit codes, errors of one line, quiet pipes, and what the command may load."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from models import make_tiny_llama

from lama_tui import __version__
from lama_tui.paths import Paths

WAIT = 60

HEAVY = ("textual", "mlx", "mlx_lm", "transformers", "httpx", "huggingface_hub", "keyring", "aiosqlite", "psutil")


def test_version_and_help(lama: Callable) -> None:
    assert lama("--version").out == f"lama {__version__}\n"
    ended = lama("--help")
    assert ended.code == 0
    for verb in ("run", "ls", "show", "config", "doctor"):
        assert f"\n    {verb} " in ended.out


@pytest.mark.parametrize(
    "argv",
    [
        *(["nonsense"], ["--nope"], ["run"], ["config"], ["show"], ["--new", "-c", "x"], ["run", "guide"]),
        *(["run", "guide", "q", flag, value] for flag in ("--temperature", "--max-tokens") for value in ("-1", "nan")),
    ],
)
def test_bad_usage_is_2(lama: Callable, argv: list[str]) -> None:
    ended = lama(*argv)
    assert (ended.code, ended.out) == (2, "")
    assert "lama" in ended.err


def test_without_a_terminal_the_workspace_says_what_to_do(lama: Callable) -> None:
    ended = lama()
    assert ended.code == 1
    assert ended.err.startswith("lama: The workspace needs a terminal.")
    assert ended.err.count("\n") == 1 and "lama run" in ended.err


@pytest.mark.parametrize(
    "argv", [["ls"], ["show", "guide"], ["run", "guide", "hi"], ["config", "show"], ["config", "keys"]]
)
def test_verbs_do_not_run_on_a_broken_config(lama: Callable, paths: Paths, argv: list[str]) -> None:
    paths.config.mkdir(parents=True)
    paths.config_file.write_text("themee = 'x'\nmodel = 3\n")
    ended = lama(*argv)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("\n") == 1
    assert str(paths.config_file) in ended.err and "`theme`" in ended.err and "1 more" in ended.err


def test_the_path_of_a_broken_config_is_told(lama: Callable, paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.config_file.write_text("[[[")
    ended = lama("config", "path")
    assert (ended.code, ended.out) == (0, f"{paths.config_file}\n")


def test_config_show_says_where_each_value_is_from(
    lama: Callable, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.config.mkdir(parents=True)
    paths.config_file.write_text("[engine]\nparallel = 2\n")
    monkeypatch.setenv("LAMA_MODEL", "org/name")
    rows = [line.split() for line in lama("config", "show").out.splitlines()]
    assert ["model", '"org/name"', "LAMA_MODEL"] in rows
    assert ["engine.parallel", "2", str(paths.config_file)] in rows
    assert ["engine.idle_unload", '"10m"', "default"] in rows


def test_config_keys_lists_every_id_with_its_keys(lama: Callable, paths: Paths) -> None:
    from lama_tui.config.keymap import KEYMAP

    paths.config.mkdir(parents=True)
    paths.config_file.write_text('[keys]\n"help.open" = "f12"\n')
    rows = [line.split() for line in lama("config", "keys").out.splitlines()[1:]]
    assert [row[0] for row in rows] == [key.id for key in KEYMAP]
    assert ["help.open", "f12"] in [row[:2] for row in rows]


def test_names_of_files_cannot_drive_the_terminal(lama: Callable, paths: Paths) -> None:
    evil = "a\x1b]52;c;aGk=\x07\x9b31m\u202eb\nc"
    make_tiny_llama(paths.models / evil)
    (paths.models / (evil + "2")).mkdir()
    for argv in (["ls"], ["show", evil], ["ls", "--json"], ["show", evil, "--json"], ["show", evil + "\x1b[2J"]):
        ended = lama(*argv)
        for output in (ended.out, ended.err):
            assert not any(ch in output for ch in "\x1b\x07\x9b\u202e")
    assert lama("show", evil).out.splitlines()[0].startswith("model         a␛]52;c;aGk=␇31mb c")


def test_an_unexpected_fault_is_one_line(lama: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(paths: Paths) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("lama_tui.library.installed.installed_models", fault)
    ended = lama("ls")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "RuntimeError: two lines" in ended.err
    with pytest.raises(RuntimeError):
        lama("--debug", "ls")


def test_a_reader_that_leaves_is_no_error(spawn: Callable, paths: Paths) -> None:
    for number in range(40):  # more than a pipe holds
        (paths.models / f"{number:03}{'x' * 200}").mkdir(parents=True)
    for argv in (["ls", "--json"], ["--help"], ["config", "keys"]):
        read, write = os.pipe()
        os.close(read)
        process = spawn(*argv, stdout=write)
        os.close(write)
        _, err = process.communicate(timeout=WAIT)
        assert (process.returncode, err) == (0, b""), argv


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_output_that_cannot_be_written_is_a_failure(spawn: Callable) -> None:
    with Path("/dev/full").open("wb") as full:
        process = spawn("ls", stdout=full)
        _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 1
    assert err.startswith(b"lama: The disk is full") and err.count(b"\n") == 1 and b"Free some space" in err


def test_closed_streams_are_no_fault(home: Path) -> None:
    done = subprocess.run(f"{sys.executable} -m lama_tui ls <&- >&- 2>&-", shell=True, timeout=WAIT)
    assert done.returncode == 0


def test_colours_only_for_people(spawn: Callable) -> None:
    process = spawn("doctor")
    out, _ = process.communicate(timeout=WAIT * 2)
    assert b"\x1b" not in out


@pytest.mark.parametrize("module", ["lama_tui.cli.main", "lama_tui.services"])
def test_what_is_imported_at_start_is_light(home: Path, module: str) -> None:
    program = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_nothing_heavy_is_loaded_by_ls(home: Path) -> None:
    program = (
        "import sys; from lama_tui.cli.main import main; main(['ls']);"
        f"print([name for name in {HEAVY} if name in sys.modules and name != 'psutil'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT)
    assert done.stdout.endswith("\n[]\n"), done.stderr


def test_verbs_that_look_leave_nothing_behind(lama: Callable, home: Path) -> None:
    for argv in (["ls"], ["show", "guide"], ["config", "show"], ["config", "path"]):
        lama(*argv)
    assert not (home / "lama").exists()
    assert stat.S_ISDIR(home.stat().st_mode)
