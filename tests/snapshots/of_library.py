"""The sections of the model browser beside the installed models: hub, downloads, updates."""

from collections.abc import Callable, Sequence
from pathlib import Path

from invented import USUAL
from still import GIB, MIB, NOW
from visit import State, Visit

from lama_tui.engine.fit import KeyValueShape, Machine
from lama_tui.errors import AuthError, ConnectionLost, LamaError, ModelFormatError
from lama_tui.library.downloads.job import Job, JobId
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.values import HubDetails, HubFile, HubModel, HubPage, HubQuery
from lama_tui.library.updates.update import FileChange, Question, Update
from lama_tui.library.updates.updates import Revisions
from lama_tui.ui.screens.models.asking import Asking
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.import_dialog import ImportDialog
from lama_tui.ui.screens.models.updates import UpdatesSection
from tests.library.gguf_files import write_gguf

DAY = 86_400_000
NAMES = (
    ("mlx-community/Qwen3-8B-4bit", 8.2e9, 4, 4.3, 412_000, 210, False),
    ("mlx-community/Llama-3.2-3B-Instruct-4bit", 3.2e9, 4, 1.7, 298_112, 88, False),
    ("lmstudio-community/gemma-3-27b-it-MLX-4bit", 27e9, 4, 15.1, 120_400, 1204, True),
    ("mlx-community/DeepSeek-R1-Distill-Qwen-32B-MLX-8Bit", 32e9, 8, 32.4, 91_002, 77, False),
    ("a-publisher-with-a-very-long-name/a-model-with-a-name-that-is-longer-than-any-column-6bit", 14e9, 6, 11.0, 9_871,
     3, False),
    ("mlx-community/Qwen3-0.6B-4bit", 0.6e9, 4, 0.33, 8_000, 12, False),
)  # fmt: skip
MODELS = [
    HubModel(
        repo, f"{number:040x}", downloads, likes, NOW - (3 + 40 * number) * DAY, gated, False, ("mlx",), int(params),
        bits, int(size * GIB), "mlx", "apache-2.0",
    )
    for number, (repo, params, bits, size, downloads, likes, gated) in enumerate(NAMES)
]  # fmt: skip
QUANTIZATIONS = {"Q2_K": 3.3, "Q3_K_M": 4.1, "Q4_K_M": 5.0, "Q5_K_M": 5.9, "Q6_K": 6.7, "Q8_0": 8.7}
GGUF = HubModel(
    "a-publisher/Qwen3-8B-GGUF", "9" * 40, 88_000, 31, NOW - 20 * DAY, False, False, ("gguf",), int(8.2e9), None, None,
    "gguf", "apache-2.0",
)  # fmt: skip
CARD = """# The card of a model

It was converted to **MLX** format. [nope] [/bold]

```python
from mlx_lm import load, generate
```

| Benchmark | Score |
|---|--:|
| MMLU | 61.2 |
"""


def gguf_files() -> tuple[HubFile, ...]:
    """Of a GGUF repo: one in two parts, one that lacks a part, and what is no model."""
    sizes = {f"Qwen3-8B-{name}.gguf": size for name, size in QUANTIZATIONS.items()}
    sizes |= {f"BF16/Qwen3-8B-BF16-0000{part}-of-00002.gguf": 8.2 for part in (1, 2)}
    sizes |= {"Qwen3-8B-F32-00001-of-00004.gguf": 8.0, "mmproj-Qwen3-8B-F16.gguf": 1.1}
    weights = [HubFile(path, int(size * GIB), "sha256", f"{at:064x}") for at, (path, size) in enumerate(sizes.items())]
    return (HubFile("README.md", 4096, "git-sha1", "1" * 40), *weights)


class StillHub:
    """Says the same at any time."""

    access = HubAccess("https://huggingface.co")

    def __init__(self, models: Sequence[HubModel] = MODELS, trouble: LamaError | None = None) -> None:
        self._models = models
        self._trouble = trouble

    async def search(self, query: HubQuery, after: str | None = None, machine: Machine | None = None) -> HubPage:
        if self._trouble is not None:
            raise self._trouble
        return HubPage(tuple(model for model in self._models if query.text in model.repo), "more")

    async def details(self, repo: str, revision: str = "main") -> HubDetails:
        model = next(model for model in self._models if model.repo == repo)
        if model.format == "gguf":
            return HubDetails(model, revision, model.commit or "", gguf_files(), context=40_960)
        files = (
            HubFile("README.md", 4096, "git-sha1", "1" * 40),
            HubFile("config.json", 937, "git-sha1", "2" * 40),
            HubFile("model.safetensors", model.size or 0, "sha256", "3" * 64),
            HubFile("original/consolidated.00.pth", 16 * GIB, "sha256", "4" * 64),
        )
        shape = KeyValueShape(36, 8, 128, 2)
        return HubDetails(model, revision, model.commit or "", files, {"model_type": "qwen3"}, 40_960, "qwen3", shape)

    async def card(self, repo: str, commit: str) -> str:
        return CARD

    async def recommend(
        self, machine: Machine | None = None, speed: object = None, on_cpu: bool = False
    ) -> Sequence[object]:
        return ()

    async def close(self) -> None:
        """Nothing is open."""


class StillQueue:
    """Downloads that stand where they are."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs

    async def jobs(self) -> Sequence[Job]:
        return self._jobs

    def subscribe(self, listener: Callable[[Job], None]) -> Callable[[], None]:
        return lambda: None

    def start(self) -> None:
        """Nothing moves."""

    async def close(self) -> None:
        """Nothing is open."""


def job(number: int, ref: str, state: str, **facts: object) -> Job:
    of_hub = facts.get("kind", "download") != "import"
    usual = {"kind": "download", "source": "https://huggingface.co", "revision": "main" if of_hub else "",
             "commit": f"{number:040x}" if of_hub else None, "files": 9 if of_hub else None}  # fmt: skip
    return Job(
        id=JobId(number), ref=ref, state=state, created=NOW - 300_000, updated=NOW - 60_000, **{**usual, **facts},  # type: ignore[arg-type]
    )  # fmt: skip


JOBS = [
    job(1, NAMES[0][0], "running", mine=True, owner="me", done_bytes=int(1.6 * GIB), total_bytes=int(4.3 * GIB),
        files_done=4, rate=38.5 * MIB, left=72.0, now="model-00001-of-00002.safetensors"),
    job(2, NAMES[2][0], "waiting", why="The connection was cut", retry_at=NOW + 12_000, attempts=3,
        done_bytes=GIB, total_bytes=15 * GIB, files_done=2),
    job(3, NAMES[4][0], "paused", done_bytes=200 * MIB, total_bytes=11 * GIB, files_done=1),
    job(4, NAMES[3][0], "failed", done_bytes=0, total_bytes=32 * GIB,
        error=AuthError("It asks for an agreement first", "HTTP 403", "Accept its terms in a browser")),
    job(5, NAMES[5][0], "done", done_bytes=335 * MIB, total_bytes=335 * MIB, files_done=9),
]  # fmt: skip


IMPORTS = [
    job(7, "Qwen3-8B-Q4_K_M", "running", kind="import", source="https://example.org/models/Qwen3-8B-Q4_K_M.gguf",
        mine=True, owner="me", done_bytes=int(1.6 * GIB), total_bytes=int(4.7 * GIB), rate=38.5 * MIB, left=82.0,
        now="Qwen3-8B-Q4_K_M.gguf"),
    job(8, "a-packed-model", "running", kind="import", source="/srv/models/a-packed-model.tar.zst", mine=True,
        owner="me", done_bytes=GIB, total_bytes=2 * GIB, now="unpacking model.safetensors 50 %"),
    job(9, "paused-model", "paused", kind="import", source="/srv/models/paused-model", done_bytes=GIB,
        total_bytes=2 * GIB),
    job(10, "given-up", "cancelled", kind="import", source="https://example.org/given-up.gguf", total_bytes=GIB),
    job(11, "not-a-model", "failed", kind="import", source="https://example.org/not-a-model.gguf",
        error=ModelFormatError("What comes is no model", "It is a web page.", "Check the address: look at it.")),
]  # fmt: skip


async def opened(visit: Visit, key: str, name: str, hub: StillHub, jobs: Sequence[Job] = ()) -> ModelBrowser:
    """Open the browser at a section, with this hub and this queue."""
    assert visit.screen._opened is not None
    services = visit.screen._opened.services
    services._hub, services._downloads = hub, StillQueue(jobs)  # type: ignore[assignment]
    await visit.screen.queue_of(services).open()
    await visit.press(key)
    browser = await visit.at(ModelBrowser)
    await visit.until(lambda: browser._open is not None and browser._open.id == name)
    await visit.settled()
    assert isinstance(browser, ModelBrowser)
    return browser


async def in_list(visit: Visit, browser: ModelBrowser) -> None:
    await visit.press("enter")
    await visit.until(lambda: browser.section._list.has_focus)  # type: ignore[attr-defined]


async def looked_at(visit: Visit) -> None:
    """The list has the keys, and the first model was looked at closely."""
    browser = await opened(visit, "f10", "hub", StillHub(), JOBS[:1])
    await in_list(visit, browser)
    await visit.press("down")
    await visit.until(lambda: len(browser.section._looks.cards) > 1)  # type: ignore[attr-defined]
    await visit.until(lambda: browser.section.query_one("#hub-card")._lines)  # type: ignore[attr-defined]


async def of_gguf(visit: Visit) -> None:
    """A GGUF repo was looked at closely."""
    browser = await opened(visit, "f10", "hub", StillHub([GGUF]))
    await in_list(visit, browser)
    await visit.press("end")
    await visit.until(lambda: len(browser.section._looks.cards) == 1)  # type: ignore[attr-defined]
    await visit.until(lambda: browser.section.query_one("#hub-card")._lines)  # type: ignore[attr-defined]


async def which(visit: Visit) -> None:
    """Asked which quantization is downloaded."""
    await of_gguf(visit)
    await visit.press("d")
    await visit.until_seen("Which quantization", "Downloads 5.0 GiB")


async def refused(visit: Visit) -> None:
    trouble = ConnectionLost(
        "The hub cannot be reached", "Name or service not known", "Check the network, then ask again"
    )
    await opened(visit, "f10", "hub", StillHub(trouble=trouble))
    await visit.until_seen("cannot be reached")


async def nothing_found(visit: Visit) -> None:
    browser = await opened(visit, "f10", "hub", StillHub(()))
    await visit.until(lambda: not browser.section._listing.is_asking)  # type: ignore[attr-defined]
    await visit.until_seen("Nothing on the hub")


async def queued(visit: Visit) -> None:
    await opened(visit, "f11", "downloads", StillHub(), JOBS)
    await visit.until_seen("downloading", "waits:")


async def failed(visit: Visit) -> None:
    await queued(visit)
    await visit.press("home", "down", "down", "down")
    await visit.until_seen("Accept its terms")


async def idle(visit: Visit) -> None:
    await opened(visit, "f11", "downloads", StillHub())
    await visit.until_seen("Nothing is being downloaded")


async def giving_up(visit: Visit) -> None:
    await queued(visit)
    await visit.press("home", "x")
    await visit.until_seen("Give it up and delete")


async def forgetting(visit: Visit) -> None:
    await queued(visit)
    await visit.press("end", "delete")
    await visit.until_seen("Forget all 2")


async def imported(visit: Visit) -> None:
    await opened(visit, "f11", "downloads", StillHub(), IMPORTS)
    await visit.until_seen("importing: unpacking", "1 failed")


async def asking(visit: Visit, source: str = "") -> None:
    """The dialog, with a source in it."""
    await imported(visit)
    await visit.press("i")
    await visit.at(ImportDialog)
    await visit.until(lambda: visit.app.screen.query("#import-source"))
    await visit.type(source)


async def importing_file(visit: Visit) -> None:
    home = Path.home()
    write_gguf(home / "models" / "Qwen3-8B-Q4_K_M.gguf")
    await asking(visit, "~/models/Qwen3-8B-Q4_K_M.gguf")
    await visit.until_seen("A GGUF file", "(•) Copy it")


async def importing_wrong(visit: Visit) -> None:
    await asking(visit, "http://example.org/models/small.gguf")
    await visit.until_seen("(•) Not over http")
    await visit.press("down", "down")
    await visit.in_field("#import-sha256")
    await visit.type("abc")
    await visit.until_seen("no SHA-256")
    await visit.press("ctrl+u", "enter")
    await visit.until_seen("write https instead")


async def asked(visit: Visit) -> None:
    """One is newer; the hub was asked by itself about some, and by hand about all."""
    browser = await opened(visit, "ctrl+backslash", "updates", StillHub())
    section = browser.section
    assert isinstance(section, UpdatesSection)
    await visit.until(lambda: section._rows)
    model = section._rows[0].model  # type: ignore[index]
    changes = (FileChange("config.json", "changed", 937), FileChange("model.safetensors", "changed", 4 * GIB))
    newer = Update(model.ref, model.revision or "", "9e8d7c6b5a40", changes, 4 * GIB, checked=NOW - DAY // 8)
    section._updates = {model.ref: newer}
    section._revisions = {
        row.model.ref: Revisions(row.model.revision or "", "main", None) for row in section._rows or ()
    }
    section._own = frozenset((model.ref,))
    questions = (Question("lama", 1, NOW - DAY // 8), Question("person", 4, NOW - 12 * DAY))
    section._asking = Asking(4, 1, "", "huggingface.co", questions)
    section._show()
    await visit.until_seen("Asked: by itself 3 h ago", "1 newer")


async def none_newer(visit: Visit) -> None:
    await opened(visit, "ctrl+backslash", "updates", StillHub())
    await visit.until_seen("[Updates]", "asks the hub")


SMALL = ((80, 24), (120, 36))
STATES: Sequence[State] = (
    State("hub", "usual", looked_at, USUAL, sizes=(*SMALL, (160, 48))),
    State("hub", "gguf", of_gguf, USUAL, sizes=((120, 36),)),
    State("hub", "which", which, USUAL, sizes=SMALL),
    State("hub", "error", refused, USUAL, sizes=SMALL),
    State("hub", "empty", nothing_found, USUAL, sizes=((80, 24),)),
    State("downloads", "usual", queued, USUAL, sizes=SMALL),
    State("downloads", "error", failed, USUAL, sizes=((80, 24),)),
    State("downloads", "empty", idle, USUAL, sizes=((80, 24),)),
    State("downloads", "giving-up", giving_up, USUAL, sizes=((80, 24),)),
    State("downloads", "forgetting", forgetting, USUAL, sizes=((80, 24),)),
    State("downloads", "imports", imported, USUAL, sizes=SMALL),
    State("import", "empty", asking, USUAL, sizes=((80, 24),)),
    State("import", "usual", importing_file, USUAL, sizes=((60, 20), *SMALL)),
    State("import", "error", importing_wrong, USUAL, sizes=((60, 20), (80, 24))),
    State("updates", "usual", none_newer, USUAL, sizes=SMALL),
    State("updates", "asked", asked, USUAL, sizes=((60, 20), *SMALL)),
)
