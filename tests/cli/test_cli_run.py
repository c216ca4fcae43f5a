"""`lama run` with real MLX models: what streams out, what is joined, what fails and how."""

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from models import make_reciter, make_tiny_llama

from lama_tui.cli.main import build_parser
from lama_tui.paths import Paths

pytest.importorskip("mlx.core")

WAIT = 60
PIECES = ("Hello", " there", ",\n", "world")
ANSWER = "Hello there,\nworld"
RESULT = {
    *("type", "model", "text", "reasoning", "finish_reason", "error", "prompt_tokens", "cached_tokens"),
    *("completion_tokens", "ttft_ms", "prefill_tok_s", "decode_tok_s", "peak_memory"),
}


@pytest.fixture
def reciter(paths: Paths) -> str:
    make_reciter(paths.models / "reciter", PIECES)
    return "reciter"


@pytest.fixture
def babbler(paths: Paths) -> str:
    """Never ends by itself."""
    make_tiny_llama(paths.models / "babbler", window=1_000_000)
    return "babbler"


def result(out: str) -> dict:
    *pieces, last = [json.loads(line) for line in out.splitlines()]
    assert last["type"] == "result"
    assert "".join(piece["text"] for piece in pieces if piece["type"] == "text") == last["text"]
    return last


def test_the_answer_goes_to_stdout_and_nothing_else(lama: Callable, reciter: str, paths: Paths) -> None:
    ended = lama("run", reciter, "Hi")
    assert (ended.code, ended.out, ended.err) == (0, ANSWER + "\n", "")
    assert not paths.database.exists()
    assert list(paths.run.glob("*.json")) == []


def test_flags_say_how_tokens_are_chosen(lama: Callable, reciter: str) -> None:
    ended = lama("run", reciter, "Hi", "--stop", ",", "--stop", "never", "--top-k", "1", "--temperature", "2", "--json")
    assert (result(ended.out)["text"], result(ended.out)["finish_reason"]) == ("Hello there", "stop")


def test_a_draft_says_how_much_of_it_was_accepted(lama: Callable, reciter: str) -> None:
    ended = lama("run", reciter, "Hi", "--draft", reciter, "--json")
    assert result(ended.out)["text"] == ANSWER and result(ended.out)["accepted_tokens"] > 0
    ended = lama("run", reciter, "Hi", "--adapter", "nowhere")
    assert ended.code == 1 and "There is no adapter there" in ended.err


def test_json_ends_with_the_whole_result(lama: Callable, reciter: str) -> None:
    ended = lama("run", reciter, "Hi", "--json")
    assert ended.code == 0
    last = result(ended.out)
    assert last.keys() >= RESULT
    assert (last["model"], last["text"], last["reasoning"]) == (reciter, ANSWER, "")
    assert (last["finish_reason"], last["error"]) == ("stop", None)
    assert last["prompt_tokens"] == len("Hi") + 3  # <|user|>Hi<|end|><|assistant|>, a byte a token
    assert last["completion_tokens"] in (len(PIECES), len(PIECES) + 1)
    assert last["ttft_ms"] > 0 and last["decode_tok_s"] > 0 and last["peak_memory"] > 0


@pytest.mark.parametrize(
    ("argv", "piped", "asked"),
    [
        (["Sum up:"], b"a text\n", "Sum up:\n\na text"),
        ([], b"only piped\n", "only piped"),
        pytest.param(["only asked"], b"", "only asked", marks=pytest.mark.slow),
        pytest.param(["q"], b" \n", "q", marks=pytest.mark.slow),
        (["q"], b"\xff\xfe", "q\n\n\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_piped_stdin_follows_the_prompt(
    spawn: Callable, reciter: str, argv: list[str], piped: bytes, asked: str
) -> None:
    process = spawn("run", reciter, *argv, "--json", stdin=subprocess.PIPE)
    out, err = process.communicate(piped, timeout=WAIT)
    assert (process.returncode, err) == (0, b"")
    assert result(out.decode())["prompt_tokens"] == len(asked.encode()) + 3


def test_a_system_prompt_comes_first(lama: Callable, reciter: str) -> None:
    plain = result(lama("run", reciter, "Hi", "--json").out)["prompt_tokens"]
    assert result(lama("run", reciter, "Hi", "--json", "--system", "Be brief").out)["prompt_tokens"] == plain + 8 + 2


def test_max_tokens_ends_the_answer(lama: Callable, babbler: str) -> None:
    last = result(lama("run", babbler, "Hi", "--json", "--max-tokens", "7", "--temperature", "0").out)
    assert (last["finish_reason"], last["completion_tokens"]) == ("length", 7)


def test_the_same_seed_gives_the_same_answer(lama: Callable, babbler: str) -> None:
    def text(seed: str) -> str:
        return lama("run", babbler, "Hi", "--max-tokens", "24", "--temperature", "2", "--seed", seed).out

    assert text("5") == text("5") != text("6")


def test_control_characters_of_a_model_are_shown_not_sent(lama: Callable, paths: Paths) -> None:
    make_reciter(paths.models / "evil", ("ab\x1b]0;owned\x07", "cd\u202e"))
    assert lama("run", "evil", "Hi").out == "ab␛]0;owned␇cd\n"
    assert result(lama("run", "evil", "Hi", "--json").out)["text"] == "ab␛]0;owned␇cd"


@pytest.mark.parametrize("argv", [["run", "guide"], ["run", "guide", "  "]])
def test_nothing_to_ask_is_bad_usage(lama: Callable, argv: list[str]) -> None:
    ended = lama(*argv)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("org/none", "model_not_found"),
        ("/no/where", "model_not_found"),
        ("nobody:x", "config"),
        ("./x.gguf", "model_format"),
    ],
)
def test_failures_are_one_line_and_a_result(lama: Callable, reference: str, kind: str) -> None:
    ended = lama("run", reference, "Hi")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    ended = lama("run", reference, "Hi", "--json")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    last = result(ended.out)
    assert (last["error"]["kind"], last["finish_reason"], last["text"]) == (kind, None, "")
    assert last["error"].keys() >= {"kind", "title", "detail", "hint"}


def test_a_damaged_model_is_refused(lama: Callable, babbler: str, paths: Paths) -> None:
    weights = paths.models / babbler / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    ended = lama("run", babbler, "Hi")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "model.safetensors" in ended.err


def test_what_does_not_fit_is_refused_with_the_arithmetic_unless_it_is_forced(lama: Callable, paths: Paths) -> None:
    folder = make_tiny_llama(paths.models / "huge")
    size = 2**42  # no machine has that much; the file is a hole
    header = json.dumps({"hole": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    with (folder / "model-2.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    ended = lama("run", "huge", "Hi", "--json")
    error = result(ended.out)["error"]
    assert ended.code == 1 and error["title"] == "huge does not fit in memory"
    assert "4096.0 GiB weights" in error["detail"] and "to work in = 4096." in error["detail"]
    assert "lama run --force" in error["hint"]
    forced = result(lama("run", "huge", "Hi", "--json", "--force").out)["error"]
    assert "fit in memory" not in forced["title"], "it was tried: that tensor is no part of the model"


def start_and_wait_for_text(spawn: Callable, *argv: str) -> "subprocess.Popen[bytes]":
    process = spawn("run", *argv, "--max-tokens", "900000", bufsize=0)
    assert process.stdout.read(1)
    return process


def test_ctrl_c_ends_with_130_and_the_text_so_far(spawn: Callable, babbler: str, paths: Paths) -> None:
    process = start_and_wait_for_text(spawn, babbler, "Hi", "--json")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, err) == (130, b"")
    last = result("{" + out.decode())
    assert last["finish_reason"] == "cancelled" and last["text"]
    assert list(paths.run.glob("*.json")) == []


def test_a_reader_that_leaves_stops_the_answer(spawn: Callable, babbler: str) -> None:
    process = start_and_wait_for_text(spawn, babbler, "Hi")
    process.stdout.close()
    assert process.wait(timeout=WAIT) == 0  # long before it would have said all
    assert process.stderr.read() == b""


def test_the_instance_is_seen_while_it_runs(spawn: Callable, lama: Callable, babbler: str, paths: Paths) -> None:
    process = start_and_wait_for_text(spawn, babbler, "Hi")
    try:
        deadline = time.monotonic() + WAIT
        while not {m["ref"]: m["loaded"] for m in json.loads(lama("ls", "--json").out)}[babbler]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            os.set_blocking(process.stdout.fileno(), False)
            process.stdout.read(65536)  # a pipe that nobody reads would hold the answer up
        file = paths.run / f"{process.pid}.json"
        while (state := json.loads(file.read_bytes()))["running"] != 1:  # told up to a second later
            assert time.monotonic() < deadline
            time.sleep(0.1)
            process.stdout.read(65536)
        assert state["pid"] == process.pid
    finally:
        process.send_signal(signal.SIGINT)
        os.set_blocking(process.stdout.fileno(), True)
        process.communicate(timeout=WAIT)
    assert process.returncode == 130


def answer_and_progress(spawn: Callable, model: str) -> tuple[str, bytes]:
    """Stdout, and what stderr showed as a terminal."""
    leader, follower = os.openpty()
    process = spawn("run", model, "Hi", stderr=follower, stdout=subprocess.PIPE)
    os.close(follower)
    out, _ = process.communicate(timeout=WAIT)
    shown = b""
    try:
        while data := os.read(leader, 4096):
            shown += data
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(leader)
    return out.decode(), shown


def test_a_model_without_a_chat_template_is_told_on_a_terminal(lama: Callable, spawn: Callable, paths: Paths) -> None:
    make_reciter(paths.models / "plain", PIECES, template=None, after=":")
    out, shown = answer_and_progress(spawn, "plain")
    assert out == ANSWER + "\n"
    assert b"\x1b[Klama: plain has no chat template" in shown
    ended = lama("run", "plain", "Hi")
    assert (ended.code, ended.out, ended.err) == (0, ANSWER + "\n", "")


def test_progress_is_for_terminals(spawn: Callable, reciter: str) -> None:
    out, shown = answer_and_progress(spawn, reciter)
    assert out == ANSWER + "\n"
    assert b"loading" in shown
    assert shown.endswith(b"\r\x1b[K")  # and takes itself away
    assert re.fullmatch(rb"(\r[^\x00-\x1f\x7f]*\x1b\[K)*", shown)


def test_a_read_only_home_is_enough(spawn: Callable, reciter: str, paths: Paths, home: Path) -> None:
    blocked = home / "lama" / "state"
    blocked.write_text("a file where the folder should be")
    process = spawn("run", reciter, "Hi")
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, out.decode(), err) == (0, ANSWER + "\n", b"")


@pytest.fixture
def server() -> Iterator[Callable[[list[tuple[int, bytes]]], str]]:
    """An OpenAI-compatible server on loopback that gives these (status, body) in turn; its endpoint."""
    answers: list[tuple[int, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream" if status == 200 else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()

    def answering(bodies: list[tuple[int, bytes]]) -> str:
        answers.extend(bodies)
        return f"http://127.0.0.1:{listening.server_address[1]}/v1"

    yield answering
    listening.shutdown()
    listening.server_close()


def test_a_server_answers_and_fails(
    lama: Callable, paths: Paths, server: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chunk(**delta: str) -> bytes:
        return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"

    good = chunk(reasoning_content="hm") + chunk(content="Good ") + chunk(content="day")
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    refused = b'{"error": {"message": "bad key sk-secretsecret"}}'
    endpoint = server([(200, good + end), (401, refused), (200, good)])
    monkeypatch.setenv("WORK_KEY", "sk-secretsecret")
    paths.config.mkdir(parents=True)
    paths.config_file.write_text(
        f'[privacy]\nlocal_only = true\n[providers.work]\nkind = "openai"\nendpoint = "{endpoint}"\n'
        'model = "big"\nkey_env = "WORK_KEY"\n'
    )
    ended = lama("run", "work:", "Hi", "--json")
    last = result(ended.out)
    assert (ended.code, last["model"], last["text"], last["reasoning"]) == (0, "work:", "Good day", "hm")
    ended = lama("run", "work:other", "Hi")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "sk-secret" not in ended.err
    ended = lama("run", "work:other", "Hi", "--json")  # breaks off
    assert ended.code == 1
    last = result(ended.out)
    assert (last["text"], last["error"]["kind"]) == ("Good day", "connection")
    log = paths.log.read_text()
    assert "`work` did not accept the key" in log and "The answer of `work` broke off" in log
    assert "sk-secret" not in log and "Good day" not in log


def test_only_what_is_needed_is_loaded(home: Path, reciter: str) -> None:
    program = (
        "import sys; from lama_tui.cli.main import main; code = main(['run', 'reciter', 'Hi']);"
        "print([name for name in ('aiosqlite', 'textual', 'httpx') if name in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT)
    assert done.stdout.endswith("[] 0\n"), done.stderr


def test_flags_may_stand_between_the_model_and_the_question() -> None:
    arguments = build_parser().parse_args(["run", "guide", "--json", "--seed", "3", "a question"])
    assert (arguments.model, arguments.prompt, arguments.json, arguments.seed) == ("guide", "a question", True, 3)


@pytest.mark.parametrize(
    "flags",
    [("--top-p", "0"), ("--top-k", "1.5"), ("--min-p", "nan"), ("--repetition-penalty", "0.5"), ("--stop", "")],
)
def test_flags_out_of_range_are_bad_usage(flags: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(["run", "m", "Hi", *flags])
    assert ended.value.code == 2 and "expected" in capsys.readouterr().err
