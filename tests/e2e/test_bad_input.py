"""What is broken is explained, on screen and on the command line; what works goes on; what was saved stays."""

import asyncio
import json
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import COMMAND, Steady, app, ask, configure, lama, leave, pieces_of, provider, saved, server, wait_saved

from lama_tui.conversations.table import Conversations
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from lama_tui.store.migrate import read_migrations
from tests.models import make_reciter, make_tiny_llama

LATEST = len(read_migrations())


def run(home: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """`lama` with these arguments and no terminal."""
    environment = {"LAMA_HOME": str(home / "lama"), "HF_HOME": str(home / "hub"), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=os.environ | environment | {"MLX_DISABLE_COMPILE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def fails(done: "subprocess.CompletedProcess[str]", *says: str) -> None:
    """One line on stderr that says all of this, and exit status 1."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("lama: ") and done.stderr.count("\n") == 1, done.stderr
    assert all(said in done.stderr for said in says), done.stderr
    assert "Traceback" not in done.stderr and ".. " not in done.stderr


def doctor(home: Path, check: str) -> dict[str, str]:
    """One check of the doctor, who always looks at everything."""
    done = run(home, "doctor", "--json")
    assert done.stderr == ""
    found: dict[str, dict[str, str]] = {each["id"]: each for each in json.loads(done.stdout)["checks"]}
    assert done.returncode == (1 if any(each["status"] == "problem" for each in found.values()) else 0)
    return found[check]


# --- models


def _cut_weights(folder: Path) -> None:
    file = make_tiny_llama(folder) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def _corrupt_header(folder: Path) -> None:
    file = make_tiny_llama(folder) / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[8:40] = bytes(32)
    file.write_bytes(content)


def _no_model(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing of use")


ENDLESS = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
RAISES = "{{ raise_exception('no \x1b[31msuch \x1b]52;c;QQ==\x07role') }}"


@dataclass(frozen=True)
class Bad:
    """A model that cannot answer: how it is made, and words of what is said about it."""

    make: Callable[[Path], object]
    says: tuple[str, ...]


MODELS = {
    "missing": Bad(lambda folder: None, ("There is no model at", "no such folder", "Check the path")),
    "truncated": Bad(_cut_weights, ("cannot be used", "cut short", "lama ls")),
    "not-a-model": Bad(_no_model, ("cannot be used", "config.json is missing", "lama ls")),
    "bad-header": Bad(_corrupt_header, ("cannot be used", "damaged header", "lama ls")),
    "unknown-type": Bad(
        lambda folder: make_tiny_llama(folder, config={"model_type": "nobody"}),
        ("not supported", "'nobody'", "mlx-community"),
    ),
    "template-raises": Bad(
        lambda folder: make_tiny_llama(folder, template=RAISES),
        ("chat template failed", "no ␛[31msuch", "Choose another model"),
    ),
    "template-endless": Bad(
        lambda folder: make_tiny_llama(folder, template=ENDLESS), ("chat template was stopped", "longer than a second")
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, bad in MODELS.items():
        bad.make(folder / name)
    make_reciter(folder / "good", pieces_of("All is well here."))
    return folder


@pytest.mark.parametrize(
    "name", ["truncated", *(pytest.param(name, marks=pytest.mark.slow) for name in MODELS if name != "truncated")]
)
def test_a_bad_model_on_the_command_line(tmp_path: Path, models: Path, name: str) -> None:
    fails(run(tmp_path, "run", models / name, "hi"), *MODELS[name].says)


def unwrapped(text: str) -> str:
    """What a screen says, without its line breaks and frames."""
    return " ".join(text.replace("▕", " ").replace("█", " ").split())


@pytest.mark.slow
def test_bad_models_on_screen(tmp_path: Path, models: Path) -> None:
    names = [*MODELS, "good"]

    async def prepare() -> None:
        database = await Database.open(Paths.from_environment({"LAMA_HOME": str(tmp_path / "lama")}))
        conversations = Conversations(database)
        for name in names:
            await conversations.create(f"about {name}", str(models / name))
        await database.close()

    asyncio.run(prepare())
    with lama(tmp_path, size=(118, 40)) as terminal:
        terminal.wait_for("about missing")
        for name in names:  # the one at the end of the list each time: asking brings it to the front
            terminal.key("ctrl+s")
            terminal.wait_for("Rename")
            terminal.key("end", "enter")
            terminal.wait_for(lambda text, name=name: f"about {name}" in text.split("\n")[0])
            ask(terminal, f"hi {name}")
            says = MODELS[name].says if name in MODELS else ("All is well here.",)
            terminal.wait_for(lambda text, says=says: all(said in unwrapped(text) for said in says))
        leave(terminal)
        assert b"\x1b]52" not in bytes(terminal.raw)
    found = saved(tmp_path)
    assert [m.text for m in found if m.role == "user"] == [f"hi {name}" for name in names]
    assert [m.state for m in found if m.role == "assistant"] == ["failed"] * len(MODELS) + ["complete"]


# --- config


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ('model = "guide\n', ("config.toml", "is not valid TOML", "line 1", "Correct that line")),
        ("modle = 'guide'\n", ("config.toml", "`modle` is not a setting", "Did you mean `model`?")),
        ("[privacy]\nlocal_onyl = true\n", ("config.toml", "`privacy.local_onyl`", "Did you mean `local_only`?")),
        (b"\xff\xfe\x00", ("config.toml", "cannot be read", "not UTF-8")),
        (None, ("config.toml", "cannot be read", "not a file")),
    ],
    ids=["bad TOML", "unknown key", "unknown key of privacy", "not text", "a folder"],
)
def test_a_broken_config(tmp_path: Path, config: str | bytes | None, says: tuple[str, ...]) -> None:
    with server(Steady(rate=100, words=3)) as served:
        file = configure(tmp_path, "")
        if config is None:
            file.unlink()
            file.mkdir()
        else:
            file.write_bytes(config if isinstance(config, bytes) else config.encode() + provider("http://a.b").encode())
        fails(run(tmp_path, "run", "guide", "hi"), *says)
        check = doctor(tmp_path, "config")
        assert check["status"] == "problem" and all(said in check["value"] + check["hint"] for said in says)
        with lama(tmp_path, size=(118, 40)) as terminal:
            told = (*says, "Until it is put right lama runs on its defaults", "local only")
            terminal.wait_for(lambda text: all(said in unwrapped(text) for said in told))
            terminal.key("escape")
            terminal.wait_for(lambda text: "Until it is put right" not in text)
            leave(terminal)
        assert not served.requests


# --- the home


@contextmanager
def kept(home: Path) -> Iterator[Callable[[Terminal], None]]:
    """A home with a conversation in it, and a config whose model answers; yields a check that talking works."""
    with server(Steady(rate=100, words=3)) as served:
        configure(home, provider(served.endpoint))
        with lama(home) as terminal:
            ask(terminal, "Remember me")
            wait_saved(home, lambda saved: saved and saved[-1].state == "complete")
            leave(terminal)

        def still_answers(terminal: Terminal) -> None:
            before = len(served.requests)
            ask(terminal, "Do you still answer?")
            answer = f"w{before}.0 w{before}.1 w{before}.2"
            terminal.wait_for(answer)

        yield still_answers


def opens_without_saving(home: Path, still_answers: Callable[[Terminal], None], *says: str) -> None:
    """The workspace says what is wrong and that nothing is saved, and works."""
    told = ("Nothing is saved this time", "not saved", *says)
    with lama(home, size=(118, 40)) as terminal:
        terminal.wait_for(lambda text: all(said in unwrapped(text) for said in told))
        assert "everything is saved" not in terminal.screen_text()
        still_answers(terminal)
        leave(terminal)


def remembers(home: Path) -> None:
    """What was saved before the trouble is on screen again."""
    with lama(home) as terminal:
        terminal.wait_for(lambda text: "Remember me" in text and "w0.0 w0.1 w0.2" in text)
        assert "Nothing is saved" not in terminal.screen_text()
        leave(terminal)


def set_version(home: Path, version: int) -> None:
    with closing(sqlite3.connect(home / "lama" / "data" / "lama.db")) as connection:
        connection.execute(f"PRAGMA user_version={version}")
        connection.commit()


@pytest.mark.slow
def test_a_database_of_a_newer_lama(tmp_path: Path) -> None:
    with kept(tmp_path) as still_answers:
        set_version(tmp_path, 99)
        opens_without_saving(tmp_path, still_answers, "newer lama", "schema version 99", "Update lama")
        check = doctor(tmp_path, "database")
        assert check["status"] == "problem" and "newer lama" in check["value"] and "Update lama" in check["hint"]
        set_version(tmp_path, LATEST)
        remembers(tmp_path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    with kept(tmp_path) as still_answers:
        file = tmp_path / "lama" / "data" / "lama.db"
        good = file.read_bytes()
        garbage = b"garbage\n" * 1000
        file.write_bytes(garbage)
        opens_without_saving(tmp_path, still_answers, "is not a database", "put a backup in its place")
        assert file.read_bytes() == garbage
        assert doctor(tmp_path, "database")["status"] == "problem"
        file.write_bytes(good)
        remembers(tmp_path)


@pytest.mark.slow
def test_an_upgrade_while_an_older_lama_holds_the_database(tmp_path: Path) -> None:
    with kept(tmp_path) as still_answers, lama(tmp_path) as older:
        older.wait_for("Remember me")
        set_version(tmp_path, 0)
        check = doctor(tmp_path, "database")
        assert check["status"] == "problem" and f"pid {app(older).pid}" in check["value"] + check["hint"], check
        opens_without_saving(
            tmp_path, still_answers, "another lama has them open", f"pid {app(older).pid}", "Quit that lama"
        )
        still_answers(older)
        leave(older)
        set_version(tmp_path, LATEST)
        assert [m.text for m in saved(tmp_path) if m.role == "user"] == ["Remember me", "Do you still answer?"]
        remembers(tmp_path)


@contextmanager
def mounted(*mount: str | Path) -> Iterator[None]:
    """A mount for the block; skips where this user may not mount."""
    done = subprocess.run(["mount", *mount], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", mount[-1]], check=True)


def test_a_home_that_is_read_only(tmp_path: Path) -> None:
    home = tmp_path / "lama"
    with kept(tmp_path) as still_answers:
        with mounted("--bind", home, home):
            subprocess.run(["mount", "-o", "remount,ro,bind", home], check=True)
            opens_without_saving(tmp_path, still_answers, "cannot be written", "Read-only file system", "Set LAMA_HOME")
            assert doctor(tmp_path, "data_folder")["status"] == "problem"
            assert run(tmp_path, "run", "here:steady", "hi").returncode == 0  # saves nothing, so needs nothing
        remembers(tmp_path)


@pytest.mark.slow
def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    home = tmp_path / "lama"
    home.mkdir()
    told = threading.Event()
    steady = Steady(rate=30, words=90, held=told)
    with mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs", home), server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        filler = home / "filler"
        with lama(tmp_path, size=(118, 40)) as terminal:
            ask(terminal, "Remember me")
            terminal.wait_for("w0.5 ")
            fill(filler)
            terminal.wait_for(lambda text: "The disk is full" in text and "Free some space" in text)
            told.set()
            terminal.wait_for(lambda text: "w0.89" in text and "not saved yet" in text)
            filler.unlink()
            answer = wait_saved(tmp_path, lambda saved: saved and saved[-1].state == "complete")[-1]
            assert answer.text.split() == [f"w0.{number}" for number in range(90)]
            terminal.wait_for(lambda text: "not saved yet" not in text)

            fill(filler)
            terminal.key("escape")  # puts the notice away
            terminal.wait_for(lambda text: "Free some space" not in text)
            terminal.send("This cannot be saved\r")
            terminal.wait_for("Free some space")
            terminal.wait_for(lambda text: text.count("This cannot be saved") == 1)  # back in the composer
            steady.words = 100_000  # this answer does not end by itself
            filler.unlink()
            terminal.key("enter")
            terminal.wait_for("w1.5 ")
            leave(terminal)
        found = saved(tmp_path)
        assert [m.text for m in found if m.role == "user"] == ["Remember me", "This cannot be saved"]
        assert found[-1].state == "interrupted" and found[-1].text.startswith("w1.0 w1.1 w1.2 w1.3 w1.4 w1.5 ")


@pytest.mark.slow
def test_a_home_that_is_full_from_the_start(tmp_path: Path) -> None:
    home = tmp_path / "lama"
    home.mkdir()
    with (
        mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs", home),
        kept(tmp_path) as still_answers,
    ):
        fill(home / "filler")
        opens_without_saving(tmp_path, still_answers, "full")
        check = doctor(tmp_path, "data_folder")
        assert check["status"] == "problem" and "Free some space" in check["hint"]
        (home / "filler").unlink()
        remembers(tmp_path)


def fill(file: Path) -> None:
    """Leave no room on the file's disk."""
    with file.open("wb", buffering=0) as opened:
        try:
            while opened.write(bytes(4096)):
                pass
        except OSError:
            return
