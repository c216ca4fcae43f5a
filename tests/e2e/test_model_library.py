"""A model found on a hub, downloaded, killed meanwhile, gone on with, and talked to: all in a real terminal."""

from pathlib import Path

import pytest
from workspace import app, ask, kill, lama, leave, wait_saved

from tests.library.hub import TestHub
from tests.models import make_tiny_llama

REPO = "somebody/small-talker-4bit"
WAIT = 60  # seconds, on a busy machine


@pytest.mark.slow
def test_found_downloaded_killed_gone_on_with_and_talked_to(tmp_path: Path) -> None:
    pytest.importorskip("mlx.core")
    folder = make_tiny_llama(tmp_path / "published", hidden=256)
    weights = (folder / "model.safetensors").stat().st_size
    with TestHub() as hub:
        hub.add(REPO, folder, tags=("mlx", "conversational"), downloads=12_345)
        hub.add("other/model", {"config.json": "{}"}, tags=("mlx",), downloads=99_999)
        hub.trouble("/resolve/.*safetensors", rate=weights / 6, stall=weights // 2)  # and there it stands
        env = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hub")}
        with lama(tmp_path, size=(120, 40), env=env) as terminal:
            terminal.wait_for("You are talking to the guide", WAIT)
            terminal.key("f10")
            terminal.wait_for("Search the hub", WAIT)
            terminal.wait_for("small-talker", WAIT)
            terminal.send("talker")
            terminal.wait_for(lambda screen: "small-talker" in screen and "other/model" not in screen, WAIT)
            terminal.key("enter")
            terminal.wait_for("d downloads", WAIT)
            terminal.send("d")
            terminal.wait_for("Downloads ↓", WAIT)
            terminal.wait_for(lambda screen: any(f"↓ {percent} %" in screen for percent in range(10, 90)), WAIT)
            assert app(terminal).is_running()
            kill(terminal)
        assert not list((tmp_path / "hub").rglob("snapshots/*/model.safetensors"))  # nothing that is taken for whole
        first = len(hub.asked("GET", "/resolve/.*safetensors"))
        hub.behave()
        with lama(tmp_path, size=(120, 40), env=env) as terminal:
            terminal.wait_for("is here.", WAIT)  # it went on by itself
            asked = hub.asked("GET", "/resolve/.*safetensors")[first:]
            assert asked and int((asked[0].range or "bytes=0-").removeprefix("bytes=").rstrip("-")) > weights // 20
            terminal.key("f11")
            terminal.wait_for("lets it answer here", WAIT)
            terminal.key("enter")
            terminal.wait_for(lambda screen: "small-talker-4bit ·" in screen, WAIT)
            ask(terminal, "Hello")
            wait_saved(tmp_path, lambda saved: saved and saved[-1].state == "complete" and saved[-1].text)
            leave(terminal)
