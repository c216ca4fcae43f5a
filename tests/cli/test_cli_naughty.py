"""Nothing that is stored, named or given comes out of a command as what a terminal obeys: in pipes and on terminals."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import server
from xterm import Xterm

from lama_tui.config.loader import load_settings
from lama_tui.paths import Paths
from lama_tui.services import open_services
from tests.naughty import NAUGHTY, SHORT
from tests.naughty_home import furnish, name_of, quoted, store
from tests.providers.server import DONE, Request, delta, pieces, whole
from tests.sent import strangers

SOME = [SHORT, *list(NAUGHTY.values())[::3]]
MOVES = "\n\t"
"""Lines end, and tabs are text of a model's."""

LISTINGS = (
    ("ls",),
    ("ls", "--json"),
    ("config", "show"),
    ("config", "show", "--json"),
    ("config", "keys"),
    ("config", "keys", "--json"),
    ("config", "path"),
    ("doctor",),
    ("doctor", "--json"),
    ("--help",),
)

ALL_OF_THEM = """
import sys
from lama_tui.cli import terminal_answers
from lama_tui.cli.main import main
terminal_answers.ANSWERS = 60.0  # a busy machine answers late
for words in sys.argv[1].split("|"):
    main(words.split())
print("the end")
"""


def configure(paths: Paths, *lines: str) -> None:
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text("\n".join(lines) + "\n")


MARKUP = "[/nope] [bold `x` \u0301 \u6f22 %s \U0001f468"
"""What a config takes for a text."""


def valid(endpoint: str = "http://127.0.0.1:9/v1") -> list[str]:
    """A config with naughty values that are right."""
    return [
        f"model = {quoted(MARKUP)}",
        f"theme = {quoted(MARKUP)}",
        f'[providers.here]\nkind = "openai"\nendpoint = "{endpoint}"\nmodel = {quoted(MARKUP)}',
    ]


def wrong() -> list[str]:
    """A config with naughty values and names that are wrong."""
    texts = [quoted(text) for text in NAUGHTY.values()]
    return [
        *(f"{text} = {text}" for text in texts),
        f"model = {texts[0]}\ntheme = {texts[1]}",
        *(f"[providers.{text}]\nkind = {text}\n{text} = 1" for text in texts),
        *(f"[providers.here{number}]\nkind = {text}\nendpoint = {text}" for number, text in enumerate(texts)),
        "[keys]",
        *(f"{text} = {text}" for text in texts),
        *(f'"{key}" = {text}' for key, text in zip(("app.quit", "help.open", "search.open"), texts, strict=False)),
        *(f"[workspace.{text}]" for text in texts),
    ]


def assert_safe(ended: object, *, moves: str = MOVES) -> None:
    assert strangers(ended.out, moves=moves) == []  # type: ignore[attr-defined]
    assert strangers(ended.err, moves="\n") == []  # type: ignore[attr-defined]


@pytest.mark.slow
def test_listings_of_naughty_names(lama: Callable, paths: Paths) -> None:
    furnish(paths)
    configure(paths, *valid())
    for words in LISTINGS:
        ended = lama(*words)
        assert_safe(ended)
        assert ended.out
        if "--json" in words:
            assert ended.out.isascii()
            json.loads(ended.out)
    assert lama("ls").out.count("\n") > len(NAUGHTY)  # they were listed
    for folder in paths.models.iterdir():
        for words in (("show", folder.name), ("show", str(folder)), ("show", folder.name, "--json")):
            assert_safe(lama(*words))


def test_a_config_that_is_naughty(lama: Callable, paths: Paths) -> None:
    configure(paths, *wrong())
    for words in LISTINGS:
        assert_safe(lama(*words))
    problems = next(check for check in json.loads(lama("doctor", "--json").out)["checks"] if check["id"] == "config")
    assert problems["status"] == "problem"
    for text in NAUGHTY.values():  # not even TOML
        paths.config_file.write_bytes(b"\xff" + text.encode())
        assert_safe(lama("ls"))
        paths.config_file.write_text(text)
        assert_safe(lama("ls"))


@pytest.mark.slow
def test_what_is_given_is_naughty(lama: Callable, spawn: Callable) -> None:
    for text in SOME:
        given = text.replace("\0", "")
        for words in (
            *((given,), ("show", given), ("show", given, "--json"), ("run", given, "hi"), (f"--{given}",)),
            *(("--model", given), ("--theme", given), ("-c", given), ("ls", given), ("config", given)),
            *(("run", "guide", "hi", "--temperature", given), ("run", "guide", "hi", "--seed", given)),
        ):
            assert_safe(lama(*words))
    for words in (("show", "\udc9b"), ("run", "\udc9b", "hi"), ("run", "guide", "hi", "\udc9b")):
        out, err = spawn(*words).communicate(timeout=60)  # not here: what captures the log could not tell it
        assert strangers(out + err, moves="\n") == [] and b"Traceback" not in err and b"Logging error" not in err


@pytest.mark.parametrize("editor", ["EDITOR", "VISUAL"])
def test_an_environment_that_is_naughty(lama: Callable, monkeypatch: pytest.MonkeyPatch, editor: str) -> None:
    given = SHORT.replace("\0", "")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv(editor, given)
    assert_safe(lama("config", "edit"))
    for name in ("TERM", "COLORTERM", "TERM_PROGRAM", "LANG", "LC_ALL", "TMUX", "TZ"):
        monkeypatch.setenv(name, given)
    for words in LISTINGS:
        assert_safe(lama(*words))
    for name in ("LAMA_MODEL", "LAMA_THEME"):
        monkeypatch.setenv(name, given)
        for words in (("ls",), ("config", "show"), ("run", "guide", "hi")):
            assert_safe(lama(*words))


def test_a_home_that_is_naughty(lama: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = str(tmp_path / name_of(SHORT))
    for name in ("LAMA_HOME", "HF_HOME", "HOME"):
        monkeypatch.setenv(name, folder)
    for words in (*LISTINGS, ("show", "nothing"), ("run", "nothing", "hi")):
        assert_safe(lama(*words))
    monkeypatch.setenv("LAMA_HOME", f"{folder}/file")
    Path(folder, "file").write_text("not a folder")
    for words in (*LISTINGS, ("run", "guide", "hi")):
        assert_safe(lama(*words))


def test_an_answer_that_is_naughty(lama: Callable, paths: Paths) -> None:
    texts = [delta(content=text) for text in NAUGHTY.values()] + [delta(reasoning=text) for text in NAUGHTY.values()]
    refusals = iter(SOME)

    async def handle(request: Request, writer: object) -> None:
        if "refuse" in str(request.json["messages"]):
            text = next(refusals)
            await whole("400 Bad Request", {"error": {"message": text, "type": text, "code": text}})(request, writer)
        else:
            await pieces(*texts, delta("stop"), DONE)(request, writer)

    with server(handle) as served:
        configure(paths, *valid(served.endpoint))
        for words in (("run", "here:x", "hi"), ("run", "here:x", "hi", "--json")):
            ended = lama(*words)
            assert_safe(ended)
            assert ended.code == 0 and "harmless" in ended.out
        for _ in SOME:
            ended = lama("run", "here:x", "refuse")
            assert_safe(ended)
            assert ended.code == 1 and ended.err.count("\n") == 1


def test_plain_lines_of_naughty_conversations(paths: Paths, spawn: Callable) -> None:
    async def fill() -> None:
        services = await open_services(paths, load_settings(paths))
        await store(services)
        await services.close()

    asyncio.run(fill())
    furnish(paths)
    said = [
        *(
            "/conversations",
            "/read",
            "/read 3",
            "/search owned",
            "/search x",
            "/open 3",
            "/open 20",
            "/models",
            "/copy",
        ),
        *(f"/{word} {SHORT}" for word in ("open", "model", "rename", "system", "search", "export", "think", "read")),
        *("/system", "/conversations", "/rename", "/figures", "/fork", f"/{SHORT}", "/delete", "/undo", "/copy"),
    ]
    lines = [line.replace("\r", "") for line in said]
    process = spawn("--plain", stdin=subprocess.PIPE)
    out, err = process.communicate("\n".join(lines).encode() + b"\n", timeout=60)
    assert strangers(out, moves="\n") == [] and strangers(err, moves="\n") == []
    assert process.returncode == 1  # some of it was no command
    assert "␛".encode() in out and b"Traceback" not in err


class Boastful(Xterm):
    """A terminal whose name is naughty."""

    def _answer(self, parameters: str, final: str) -> str | None:
        if (parameters, final) == (">0", "q"):
            return f"\x1bP>|{SHORT.replace(chr(27), '')}\x1b\\"
        return super()._answer(parameters, final)


def test_listings_on_a_terminal(paths: Paths, tmp_path: Path) -> None:
    furnish(paths)
    configure(paths, *valid())
    words = "|".join(" ".join(words) for words in (*LISTINGS, ("show", "guide"), ("show", "nothing")))
    env = dict.fromkeys(("COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION"), SHORT.replace("\0", ""))
    command = [sys.executable, "-c", ALL_OF_THEM, words]
    with Terminal(command, home=tmp_path, env=env, emulator=Boastful) as terminal:
        terminal.wait_exit(60)
    raw = bytes(terminal.raw)
    assert b"the end" in raw and b"\x1b[32m" in raw  # a person looks, so there are colours
    assert "␇" in raw.decode()  # what the terminal said of itself is told
    # what doctor asks a terminal, and wipes away
    asked = raw.replace(b"\x1bP$qm\x1b\\", b"").replace(b"\x1bP+q4d73\x1b\\", b"")
    for question in (b"\x1b[>0q", b"\x1b[?u", b"\x1b[c"):
        asked = asked.replace(question, b"")
    assert strangers(asked, moves="\r\n\t") == []
