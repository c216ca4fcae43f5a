"""One repo with many quantizations: which is the usual one, and several of them here one after the other."""

from collections.abc import AsyncIterator, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from lama_tui.engine.fit import Machine, fit
from lama_tui.errors import ModelFormatError
from lama_tui.library.downloads.plan import choose
from lama_tui.library.hub.gguf_files import choices, named, projectors, recommended, usual
from lama_tui.library.hub.values import HubFile
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.installed import InstalledModel, installed_models
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.storage.removal import Removal
from lama_tui.library.verify.verification import Verification
from lama_tui.paths import Paths
from lama_tui.types import GUIDE
from tests.library.downloading import Instance, instance
from tests.library.gguf_files import LLAMA, write_gguf
from tests.library.hub import TestHub

REPO = "org/Tiny-GGUF"
GIB = 1024**3


def listing(**sizes: int) -> list[HubFile]:
    """Files of so many bytes; `__` in a name stands for a dash."""
    return [HubFile(f"{name.replace('__', '-')}.gguf", size, "sha256", f"{at:064d}")
            for at, (name, size) in enumerate(sizes.items())]  # fmt: skip


def by_default(files: list[HubFile]) -> str | None:
    found = usual(choices(files))
    return found.name if found is not None else None


def test_the_usual_one_is_the_same_everywhere() -> None:
    assert by_default(listing(M__Q2_K=2, M__Q4_0_4_4=3, M__Q5_K_M=5, M__Q4_K_S=4, M__Q8_0=8)) == "Q4_K_S"
    assert by_default(listing(M__UD__Q4_K_M=4, M__Q8_0=8)) == "UD-Q4_K_M"
    assert by_default(listing(M__Q2_K=2, M__UD__Q4_K_XL=4, M__UD__Q6_K_XL=6)) == "UD-Q4_K_XL"  # by its bits
    assert by_default(listing(M__IQ1_S=1, M__Q2_K=2, M__F16=16)) == "Q2_K"
    assert by_default(listing(odd=3, odder=2)) == "odder"  # the smallest of what says nothing
    split = listing(M__Q4_K_M__00001__of__00003=1, M__Q4_K_M__00003__of__00003=1, M__Q8_0=8, M__Q5_K_M=0)
    assert by_default(split) == "Q8_0"  # the others lack a file, and bytes
    assert [choice.problem for choice in choices(split)] == ["it is empty", "1 of 3 files missing", ""]
    assert by_default(split[:2]) is None
    with pytest.raises(ModelFormatError, match="1 of 3 files missing"):
        choose(split[:2])


def test_names_tell_choices_apart() -> None:
    files = [*listing(A__Q4_K_M=1, B__Q4_K_M=2, A__Q8_0=3, mmproj__A__F16=4, imatrix=5),
             HubFile("A-Q8_0-00001-of-00002.GGUF", 6, "sha256", "a" * 64),
             HubFile("A-Q8_0-00002-of-00002.GGUF", 6, "sha256", "b" * 64),
             HubFile("[x]/A-*-Q6_K.gguf", 20, "sha256", "c" * 64)]  # fmt: skip
    found = choices(files)
    assert [choice.name for choice in found] == ["A-Q4_K_M", "B-Q4_K_M", "A-Q8_0", "A-Q8_0", "Q6_K"]
    assert [choice.bits for choice in found] == [4, 4, 8, 8, 6] and found[3].parts == len(found[3].files) == 2
    assert [choice.name for choice in projectors(files)] == ["mmproj-A-F16"]
    for choice in found:  # the patterns find these files and no others
        assert tuple(file for file in files if any(fnmatchcase(file.path, p) for p in choice.patterns)) == choice.files
    assert [named(choice.patterns) for choice in (*found, *projectors(files))] == [
        "Q4_K_M", "Q4_K_M", "Q8_0", "Q8_0", "Q6_K", "mmproj-A-F16",
    ]  # fmt: skip
    assert named(()) == "" and named(("*.json", "*")) == ""


def test_what_is_recommended_fits() -> None:
    found = choices(listing(M__Q2_K=2 * GIB, M__Q3_K_M=3 * GIB, M__Q4_K_M=4 * GIB, M__Q8_0=8 * GIB))

    def best(available: int | None) -> str:
        machine = Machine(64 * GIB, available)
        one = recommended([(choice, fit(choice.size, None, None, machine)) for choice in found])
        assert one is not None
        return one.name

    assert [best(room) for room in (64 * GIB, 9 * GIB // 2, GIB, None)] == ["Q4_K_M", "Q3_K_M", "Q4_K_M", "Q4_K_M"]


@pytest.fixture
def server() -> Iterator[TestHub]:
    with TestHub() as server:
        yield server


@pytest.fixture
async def lama(server: TestHub, home: Path) -> AsyncIterator[Instance]:
    async with instance(server, home) as made:
        assert made.cache == hub_cache_folder()
        yield made


def gguf(folder: Path, kind: int, parts: int = 1, part: int = 1) -> Path:
    """A model of one kind of `general.file_type`, or a part of it."""
    split = {"split.count": parts, "split.no": part - 1} if parts > 1 else {}
    return write_gguf(folder / f"{kind}-{part}.gguf", {**LLAMA, "general.file_type": kind, **split})


def files_in(folder: Path, readme: str = "# 1") -> dict[str, bytes | str | Path]:
    return {
        "README.md": readme,
        "Tiny-Q4_K_M.gguf": gguf(folder, 15),
        "Tiny-Q8_0-00001-of-00002.gguf": gguf(folder, 7, 2, 1),
        "Tiny-Q8_0-00002-of-00002.gguf": gguf(folder, 7, 2, 2),
    }


async def fetch(lama: Instance, *patterns: str) -> None:
    assert (await lama.ended(await lama.downloads.add(REPO, files=patterns))).state == "done"


async def here() -> dict[str, InstalledModel]:
    """What is listed, by its quantization."""
    found = await installed_models(Paths.from_environment())
    return {model.quantization or "": model for model in found if model.ref != GUIDE}


async def checked(lama: Instance, model: InstalledModel) -> list[str]:
    """What its files and its hashes say."""
    levels = [check async for check in Verification(lama.database).levels(model, deep=True)]
    return [f"{check.level} {check.status}" for check in levels[:2]]


async def test_one_comes_after_the_other_and_goes_again(lama: Instance, server: TestHub, tmp_path: Path) -> None:
    server.add(REPO, files_in(tmp_path), tags=("gguf",))
    paths, fine = Paths.from_environment(), ["complete ok", "hashes ok"]
    await fetch(lama, "*Q8_0*")
    assert {kind: model.ref for kind, model in (await here()).items()} == {"Q8_0": REPO}
    await fetch(lama)  # the usual one
    second = lama.seen[-1]
    assert second.files == 2 and second.total_bytes == (await here())["Q4_K_M"].size + len("# 1")  # of itself alone
    both = await here()
    assert {kind: model.ref for kind, model in both.items()} == {
        "Q4_K_M": f"{REPO}/Tiny-Q4_K_M.gguf", "Q8_0": f"{REPO}/Tiny-Q8_0-00001-of-00002.gguf",
    }  # fmt: skip
    for model in both.values():
        assert await checked(lama, model) == fine
    removal = Removal(paths, RecordTable(lama.database), lambda: {})
    plan = await removal.plan(both["Q8_0"].ref)
    assert plan.freed == both["Q8_0"].size
    assert (await removal.carry_out(plan)).freed == plan.freed
    left = await here()
    assert list(left) == ["Q4_K_M"] and left["Q4_K_M"].ref == REPO
    assert await checked(lama, left["Q4_K_M"]) == fine  # nothing that was removed is missed
    await fetch(lama, "*Q8_0*")
    assert sorted(await here()) == ["Q4_K_M", "Q8_0"]


async def test_a_newer_revision_keeps_what_it_did_not_change(lama: Instance, server: TestHub, tmp_path: Path) -> None:
    server.add(REPO, files_in(tmp_path), tags=("gguf",))
    await fetch(lama)
    server.add(REPO, files_in(tmp_path, "# 2"), tags=("gguf",))
    await fetch(lama, "*Q8_0*")
    found = await here()
    assert sorted(found) == ["Q4_K_M", "Q8_0"]
    assert {model.revision for model in found.values()} == {server.repos[REPO].commit}
    assert len(server.asked("GET", r"/resolve/.*Q4_K_M")) == 1  # its bytes were here
    for model in found.values():
        assert await checked(lama, model) == ["complete ok", "hashes ok"]
