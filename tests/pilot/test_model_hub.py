"""The hub in the model browser: searching, narrowing, looking at one, downloading it."""

import asyncio
import time
from pathlib import Path

import pytest
from browsing import status
from hub_world import REAL, details, go_to, hub_of, hub_section, repos, state_of
from stage import Open

from lama_tui.engine.fit import Machine
from lama_tui.library.hub.values import HubPage, HubQuery
from lama_tui.ui.screens.models import hub as hub_module
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.card import Card


async def test_words_are_searched_and_the_last_answer_wins(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path, others=6) as hub:
        async with workspace(size=(120, 40)) as stage:
            section = await hub_section(stage)
            await stage.until_seen("★ is good to begin with on this machine", "most downloaded", "MLX")
            assert len(repos(section)) == 7 and section._listing.leads[0].repo == repos(section)[0]
            search, ended = section._shelf.search, []

            async def searching(query: HubQuery, after: str | None, machine: Machine) -> HubPage:
                try:
                    return await search(query, after, machine)
                finally:
                    ended.append(query.text)

            monkeypatch.setattr(section._shelf, "search", searching)
            held = hub.trouble("search=real", hold=0)
            with monkeypatch.context() as typing:
                typing.setattr(hub_module, "_PAUSE", 3600)  # as fast as nobody types on a busy machine
                await stage.press(*"rea")
                await stage.until(lambda: section._listing.query.text == "rea")
            await stage.press("l")
            await stage.until_seen("Searching…", "esc stops it")
            section._field.value = "0003"
            await stage.until(lambda: repos(section) == ["second/model-0003-8bit"])
            held.release()
            await stage.until(lambda: "real" in ended)  # given up, or come late
            await stage.pilot.pause()
            assert repos(section) == ["second/model-0003-8bit"]
            asked = [request.path for request in hub.asked("GET", "search=")]
            assert not any("search=rea&" in path or "search=re&" in path for path in asked)  # not at every key
            section._field.value = "nothing like it"
            await stage.until_seen("Nothing on the hub is like this")
            await stage.press("escape")
            await stage.until(lambda: len(repos(section)) == 7)
            await stage.press("escape", "escape")
            await stage.until(lambda: stage.app.screen is stage.screen)


async def test_the_list_is_narrowed_by_keys(workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with hub_of(monkeypatch, tmp_path, others=6):
        async with workspace(size=(120, 40)) as stage:
            section = await hub_section(stage)
            await stage.press("enter")
            await stage.until(lambda: section._list.has_focus)
            await stage.until_seen("1 of 7")
            await stage.press("down")
            await stage.until_seen("2 of 7")
            await stage.press("up", "b")
            await stage.until(lambda: len(repos(section)) == 3 and all("4bit" in repo for repo in repos(section)))
            await stage.until_seen("b 4-bit")
            await stage.press("a")
            await stage.until_seen("a by first")
            await stage.until(lambda: all(repo.startswith("first/") for repo in repos(section)))
            await stage.press("a", "b")
            await stage.until(lambda: repos(section) and all("8bit" in repo for repo in repos(section)))
            await stage.press("s")
            await stage.until_seen("s most liked", "b 8-bit")
            await stage.until(lambda: repos(section)[:1] == ["second/model-0005-8bit"])
            await stage.press("f")
            await stage.until_seen("Nothing on the hub is like this", "f GGUF")
            await stage.press("f")  # the empty list still takes the keys
            await stage.until_seen("f MLX")
            await stage.until(lambda: repos(section)[:1] == ["second/model-0005-8bit"])


@pytest.mark.slow
async def test_a_model_in_full_and_its_download(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        async with workspace(size=(140, 50)) as stage:
            section = await hub_section(stage)
            await go_to(stage, section, "first/model-0000-4bit")
            await stage.until(lambda: "Its publisher asks for an agreement first" in details(section))
            assert f"{hub.endpoint}/first/model-0000-4bit" in details(section).replace(" ", "")
            await go_to(stage, section, REAL)
            for fact in (
                "d downloads",
                "the disk has",
                "fits",
                "Licence mit",
                "model.safetensors",
                "Architecture llama",
            ):
                assert fact in details(section)
            card = section.query_one(Card)
            await stage.until(lambda: len(card._lines) > 2)
            drawn = "".join(part.text for line in card._lines for part in line)
            assert "The [card]" in drawn and "strangers" in drawn and "[/nope]" in drawn
            assert "\x1b" not in drawn and "license" not in drawn
            before = details(section).split("At ")[1][:5]
            await stage.press("minus")
            await stage.until(lambda: details(section).split("At ")[1][:5] != before)
            slow = hub.trouble("/resolve/.*safetensors", rate=5_000)  # for a minute and more, if need be
            await stage.press("d")
            await stage.until(lambda: state_of(stage, REAL) == "running")
            await stage.until_seen("Downloads ↓", "KiB/s")  # in the sections, in the list and in the details
            await stage.press("d")
            await stage.until_seen("It is being downloaded already: f11")
            slow.rate = None
            await stage.until(lambda: state_of(stage, REAL) == "done")
            await stage.until_seen(f"{REAL} is here")
            await stage.until(lambda: "is on this machine, all of it" in details(section))
            browser = stage.app.screen
            assert isinstance(browser, ModelBrowser)
            await stage.until(lambda: REAL in browser.installed.references)
            await stage.press("d")
            await stage.until(lambda: "All of it is here already" in status(browser))


async def test_what_keeps_the_hub_from_answering_is_said(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        hub.trouble("/api/models", status=503)
        async with workspace(size=(80, 24)) as stage:
            section = await hub_section(stage)
            await stage.until_seen("The hub has a problem", "→ Try again", "enter asks again")
            before = len(hub.asked("GET", "/api/models"))
            await stage.press("enter")
            await stage.until_seen("r asks again")
            await stage.until(lambda: len(hub.asked("GET", "/api/models")) > before)
            await stage.press("enter", "d", "down", "plus", "enter")
            hub.behave()
            await stage.press("r")  # the empty list still takes the keys
            await stage.until(lambda: REAL in repos(section))
            await stage.until_seen("real-4bit")
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    async with workspace(size=(80, 24), config="[privacy]\nlocal_only = true\n") as stage:
        section = await hub_section(stage)
        await stage.until_seen("→", "local")
        assert section._listing.trouble is not None and not repos(section)


async def test_no_room_on_the_disk_is_said_before(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        hub.add("org/huge", {"config.json": "{}", "model.safetensors": b"x"}, tags=("mlx",), downloads=1,
                told={"model.safetensors": {"size": 1 << 50}})  # fmt: skip
        async with workspace(size=(120, 40)) as stage:
            section = await hub_section(stage)
            section._list.focus()
            section._list.highlighted = repos(section).index("org/huge")
            await stage.until(lambda: "too little" in details(section))
            await stage.press("d")
            await stage.until(lambda: "The disk has" in status(stage.app.screen))  # type: ignore[arg-type]
            assert state_of(stage, "org/huge") == ""


@pytest.mark.slow
async def test_five_thousand_models_do_not_hold_the_loop(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path, others=5000):
        async with workspace(size=(120, 40)) as stage:
            section = await hub_section(stage)
            section._list.focus()
            lags, done = list[float](), asyncio.Event()

            async def watch() -> None:  # by the processor's time: others may keep the machine busy
                while not done.is_set():
                    before = time.thread_time()
                    await asyncio.sleep(0.005)
                    lags.append(time.thread_time() - before)

            watching = asyncio.create_task(watch())
            while section._listing.after is not None:
                await stage.press("end")
                await stage.until(lambda: not section._listing.is_asking)
            assert len(repos(section)) == 5001
            for key in ("home", *["pagedown"] * 20, "end", *["up"] * 20):
                await stage.press(key)
            done.set()
            await watching
            # what draws all of them is as slow at every key; the benchmark says how much it is on a quiet machine
            assert len([lag for lag in lags if lag > 0.15]) <= 2, sorted(lags)[-5:]


async def test_by_fit_the_order_holds_over_all_pages(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path, others=0, page=20) as hub:
        for number in range(160):  # of each page other sizes, all of them small enough to fit
            hub.add(f"org/m-{number:03}-4bit", {"config.json": "{}"}, tags=("mlx", "4-bit"), downloads=900 - number,
                    safetensors={"parameters": {"U32": 1000 + number * 61 % 160}, "total": 8000})  # fmt: skip
        async with workspace(size=(120, 40)) as stage:
            section = await hub_section(stage)
            section._list.focus()
            await stage.press("s", "s", "s")
            await stage.until_seen("s best fit here", "1 of 60 downloaded most, the largest that fits first")
            await stage.press("end")
            await stage.until(lambda: len(repos(section)) == 120)
            chosen = section.chosen()
            sizes = [model.size or 0 for model in section._listing.lines]
            assert sizes == sorted(sizes, reverse=True)
            assert chosen is not None and chosen.repo == section._stays  # the same one, at another line
            await stage.until(lambda: section._list.highlighted == repos(section).index(section._stays))
            assert section._listing.after is not None  # nobody moved: nothing more was asked for
            await stage.press("up")
            await stage.until(lambda: len(repos(section)) == 161 and section._listing.after is None)
            assert section.chosen() != chosen
