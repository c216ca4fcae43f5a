"""`lama doctor`: stable ids, honest states, hints that help, and nothing that should stay private."""

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from models import make_tiny_llama

from lama_tui import __version__
from lama_tui.cli import checks, mlx_checks
from lama_tui.config.loader import load_settings
from lama_tui.engine.device import Wheels
from lama_tui.paths import Paths

IDS = [
    *("platform", "python", "packages", "mlx_wheels", "mlx_device", "memory", "models", "data_folder", "hub_folder"),
    *("config", "keys", "themes", "database", "keyring", "providers"),
    *("terminal", "colours", "kitty_keys", "drawing", "synchronized_output", "clipboard", "tmux"),
]


@pytest.fixture
def report(lama: Callable) -> Callable[[], tuple[int, dict, dict[str, dict]]]:
    """Its exit code, the whole object, and the checks by id."""

    def run() -> tuple[int, dict, dict[str, dict]]:
        ended = lama("doctor", "--json")
        assert ended.err == ""
        whole = json.loads(ended.out)
        return ended.code, whole, {check["id"]: check for check in whole["checks"]}

    return run


def test_the_report_is_the_contracts(report: Callable) -> None:
    code, whole, found = report()
    assert list(whole) == ["version", "ok", "checks", "terminal"]
    assert whole["version"] == __version__
    assert list(found) == IDS
    for check in found.values():
        assert list(check) == ["id", "status", "value", "hint"]
        assert check["status"] in ("ok", "warning", "problem") and check["value"]
        assert check["hint"] is None or check["hint"].strip()
        assert check["status"] != "problem" or check["hint"], check
    problems = [check for check in found.values() if check["status"] == "problem"]
    assert (code, whole["ok"]) == ((1, False) if problems else (0, True))


def test_a_terminal_that_is_not_there_is_not_asked(report: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    _, whole, found = report()
    assert whole["terminal"] == {
        "asked": False,
        **dict.fromkeys(
            ("answered", "name", "true_colour", "kitty_keys", "synchronized_output", "clipboard", "tmux"), None
        ),
    }
    assert all(
        "not asked" in found[id_]["value"] for id_ in ("colours", "kitty_keys", "synchronized_output", "clipboard")
    )


def test_theme_files_that_are_wrong_are_told(report: Callable, paths: Paths) -> None:
    paths.user_themes.mkdir(parents=True)
    (paths.user_themes / "mine.toml").write_text("dark = 1\n")
    paths.config_file.write_text('theme = "no-such-theme"\n')
    _, _, found = report()
    assert found["themes"]["status"] == "warning"
    assert "mine.toml" in found["themes"]["value"] and "no-such-theme" in found["themes"]["value"]


def test_mlx_is_tried_for_real(report: Callable) -> None:
    pytest.importorskip("mlx.core")
    _, _, found = report()
    assert found["mlx_wheels"]["status"] in ("ok", "warning")
    assert found["mlx_device"]["status"] == "ok"
    assert found["mlx_device"]["value"].split(",")[0] in ("cpu", "metal", "cuda")


def test_people_see_one_line_a_check_and_the_hints(lama: Callable, paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.config_file.write_text("themee = 1\n")
    ended = lama("doctor")
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert [line[2:].split()[0] for line in lines if line[:2] in ("✓ ", "! ", "✗ ")] == IDS
    at = next(number for number, line in enumerate(lines) if line.startswith("✗ config"))
    assert str(paths.config_file) in lines[at] and "→ Did you mean `theme`?" in lines[at + 1]
    assert "problem" in lines[-1]


def test_a_damaged_database_is_a_problem(report: Callable, paths: Paths) -> None:
    paths.data.mkdir(parents=True)
    paths.database.write_bytes(b"not a database " * 1000)
    code, _, found = report()
    assert (code, found["database"]["status"]) == (1, "problem")
    assert found["database"]["hint"]


def test_models_that_cannot_be_used_are_a_warning(report: Callable, paths: Paths) -> None:
    make_tiny_llama(paths.models / "good")
    (paths.models / "empty").mkdir()
    _, _, found = report()
    assert found["models"]["status"] in ("warning", "problem")  # problem: a checkout before the guide is trained
    if found["models"]["status"] == "warning":
        assert found["models"]["value"] == "the guide and 1 more; not usable: empty"


def test_keys_and_the_home_folder_stay_private(
    report: Callable, paths: Paths, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("WORK_KEY", "sk-abcdefghijklmnop")
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnop")
    paths.config.mkdir(parents=True)
    paths.config_file.write_text(
        '[providers.work]\nkind = "openai"\nendpoint = "https://api.example.org/v1"\nkey_env = "WORK_KEY"\n'
        '[providers.home]\nkind = "openai"\nendpoint = "http://localhost:8080/v1"\nkey_env = "NO_SUCH_KEY"\n'
    )
    _, whole, found = report()
    text = json.dumps(whole)
    assert "abcdefghijklmnop" not in text and str(home) not in text
    assert found["data_folder"]["value"].startswith("~/lama/data")
    assert found["providers"]["status"] == "warning"
    assert "NO_SUCH_KEY (not set)" in found["providers"]["value"] and "key in WORK_KEY;" in found["providers"]["value"]
    assert "NO_SUCH_KEY" in found["providers"]["hint"] and "WORK_KEY" not in found["providers"]["hint"].replace(
        "NO_SUCH_KEY", ""
    )


def test_the_persons_name_stays_private(report: Callable, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    monkeypatch.setenv("HF_HOME", "/media/grace/hub")
    _, _, found = report()
    assert found["hub_folder"]["value"].startswith("/media/USER/hub")


def test_nothing_is_made_or_changed(report: Callable, home: Path) -> None:
    report()
    assert not (home / "lama").exists() and not (home / "hub").exists()
    assert stat.S_ISDIR(home.stat().st_mode)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(paths: Paths, home: Path) -> None:
    home.chmod(0o500)
    found = checks.check_data_folder(paths)
    home.chmod(0o700)
    assert found.status == "problem" and "LAMA_HOME" in found.hint
    assert f"chmod u+wx {home}" in found.hint  # what is to be changed, which is not the folder that is to be made


def test_a_data_folder_below_a_file(paths: Paths, home: Path) -> None:
    (home / "lama").write_text("a file")
    found = checks.check_data_folder(paths)
    assert found.status == "problem" and "LAMA_HOME" in found.hint
    assert "is a file" in found.value


@pytest.mark.parametrize(
    ("flags", "free", "status", "said"),
    [
        (os.ST_RDONLY, 1 << 40, "problem", "mounted read-only"),
        (0, 1 << 10, "problem", "the disk is full"),
        (0, 1 << 29, "warning", "512 MiB free"),
        (0, 1 << 40, "ok", "1.0 TiB free"),
    ],
)
def test_a_disk(paths: Paths, monkeypatch: pytest.MonkeyPatch, flags: int, free: int, status: str, said: str) -> None:
    disk = SimpleNamespace(f_bavail=free // 512, f_frsize=512, f_flag=flags)
    monkeypatch.setattr(checks.os, "statvfs", lambda path: disk)
    found = checks.check_data_folder(paths)
    assert (found.status, said in found.value) == (status, True)
    assert bool(found.hint) == (status != "ok")
    assert "chmod" not in found.hint


@pytest.mark.parametrize("cuda", ["mlx-cuda-12", "mlx-cuda-13"])
def test_both_builds_of_mlx_are_a_problem_with_the_commands(cuda: str) -> None:
    found = mlx_checks.check_wheels(
        Wheels({"mlx": "0.32.4", "mlx-lm": "0.32.2", "mlx-metal-like": "1", "mlx-cpu": "0.32.4", cuda: "0.32.4"})
    )
    assert found.status == "problem"
    assert f"-m pip uninstall -y mlx mlx-metal-like mlx-cpu {cuda} && " in found.hint
    assert "install 'mlx[cuda13]==0.32.4'" in found.hint and "install 'mlx[cpu]==0.32.4'" in found.hint
    assert "mlx-lm" not in found.hint  # stays as it is


def test_without_mlx_the_platforms_advice_is_given() -> None:
    found = mlx_checks.check_wheels(Wheels({}))
    assert found.status in ("problem", "warning") and "not installed" in found.value and found.hint


def test_the_extras_in_the_commands_exist() -> None:
    """The names in the swap commands are those that the installed mlx declares."""
    metadata = pytest.importorskip("importlib.metadata")
    declared = " ".join(metadata.requires("mlx") or [])
    for name, extra in (("mlx-cpu", "cpu"), ("mlx-cuda-12", "cuda12"), ("mlx-cuda-13", "cuda13")):
        assert any(
            line.startswith(f"{name}==") and f'extra == "{extra}"' in line for line in metadata.requires("mlx")
        ), declared


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        ("import os; os.abort()", "ended by signal 6"),
        ("raise ImportError('libcuda.so.1: cannot open')", "failed: ImportError: libcuda.so.1: cannot open"),
        ("print('hello')", "no readable answer"),
        ("print('[' * 5)", "no readable answer"),
        ('print(\'{"kind": "cpu", "name": "x", "memory": null, "total": 1}\')', "a sum came out wrong"),
    ],
)
async def test_a_device_that_fails_is_told(probe: str, told: str) -> None:
    found = await mlx_checks.check_device(probe=probe)
    assert found.status == "problem" and told in found.value and found.hint


async def test_a_device_that_hangs_is_given_up(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    probe = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    found = await mlx_checks.check_device(timeout=0.05, probe="import time; time.sleep(600)")
    assert found.status == "problem" and "no answer in 0.05 s" in found.value
    # ctrl+c takes the child with it
    task = asyncio.create_task(mlx_checks.check_device(probe=probe))
    async with asyncio.timeout(30):
        while not (pid.exists() and pid.read_text()):  # noqa: ASYNC110 — another process makes it
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_key_store_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "hanging_store.py").write_text(
        "import threading, keyring.backend\n"
        "class Keyring(keyring.backend.KeyringBackend):\n"
        "    priority = 1\n"
        "    @property\n"
        "    def name(self):\n"
        "        threading.Event().wait()\n"
        "    def get_password(self, service, user): threading.Event().wait()\n"
        "    def set_password(self, service, user, password): ...\n"
        "    def delete_password(self, service, user): ...\n"
    )
    import keyring

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(checks, "_KEYRING_SECONDS", 0.2)
    before = keyring.get_keyring()
    from hanging_store import Keyring

    keyring.set_keyring(Keyring())
    try:
        found = checks.check_keyring()
    finally:
        keyring.set_keyring(before)
    assert (found.status, found.value) == ("warning", "no answer in 0.2 s")


@pytest.mark.parametrize(
    ("module", "status", "value"),
    [
        ("keyring.backends.SecretService", "ok", "Some Store"),
        ("keyrings.alt.file", "warning", "Some Store: not used, because it is not one that is known"),
    ],
)
def test_a_key_store_that_may_not_encrypt_is_not_used_and_told(
    module: str, status: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_KEYRING_SECONDS", 60.0)
    import keyring
    from keyring.backend import KeyringBackend

    class Store(KeyringBackend):
        priority = 1  # type: ignore[assignment]
        name = "Some Store"

        def get_password(self, service: str, username: str) -> str | None:
            raise AssertionError("only its name is asked for")

        def set_password(self, service: str, username: str, password: str) -> None:
            raise AssertionError("looking writes nothing")

    Store.__module__ = module
    before = keyring.get_keyring()
    keyring.set_keyring(Store())
    try:
        found = checks.check_keyring()
    finally:
        keyring.set_keyring(before)
    assert found.status == status and found.value.startswith(value)
    assert bool(found.hint) == (status == "warning")


def test_local_only_is_told(paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.config_file.write_text(
        '[privacy]\nlocal_only = true\n[providers.a]\nkind = "openai"\nendpoint = "http://localhost:1/v1"\n'
    )
    found = checks.check_providers(load_settings(paths))
    assert found.status == "ok" and "local_only is on" in found.value
