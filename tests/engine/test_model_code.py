"""Models that bring a program of their own: never run without consent, never other bytes than those agreed to."""

import json
import os
import py_compile
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.model_code import LIMIT, ModelCode, demand_trust
from lama_tui.engine.model_files import check_folder, read_code
from lama_tui.errors import InferenceError, ModelError, ModelFormatError, ModelLoadError, UntrustedCodeError
from lama_tui.events import StreamFinished
from tests.engine.conftest import Rig, text_of
from tests.models import make_coded, make_tiny_llama


@pytest.fixture
def coded(tmp_path: Path) -> Path:
    """A folder whose program says that it ran by making the file `ran`."""
    return make_coded(make_tiny_llama(tmp_path / "coded"))


def code_of(folder: Path) -> ModelCode:
    code = read_code(folder)
    assert code is not None
    return code


def ran(folder: Path) -> bool:
    return (folder / "ran").exists()


def trusted(folder: Path, **parts: str) -> ModelSource:
    return ModelSource("coded", str(folder), code=code_of(folder).digest, **parts)


async def test_the_program_runs_only_with_consent_to_its_bytes(mlx: Rig, coded: Path) -> None:
    with pytest.raises(UntrustedCodeError) as caught:
        await mlx.answer(mlx.request(ModelSource("coded", str(coded))))
    said = str(caught.value)
    size = (coded / "model.py").stat().st_size
    assert f"model.py ({size:,} bytes)" in said and code_of(coded).digest in said and "everything that you can" in said
    assert not ran(coded)

    agreed = trusted(coded)
    events = await mlx.answer(mlx.request(agreed, tokens=12))
    assert isinstance(events[-1], StreamFinished) and ran(coded)
    same = await mlx.answer(mlx.request(ModelSource("plain", str(mlx.first.folder)), tokens=12))
    assert text_of(events) == text_of(same), "the program is that of a Llama, and so are the weights"

    (coded / "ran").unlink()
    weights = next(model.weights for model in mlx.engine.figures().loaded if model.reference == "coded")
    assert await mlx.engine.unload("coded") >= 0.99 * weights
    (coded / "model.py").write_text((coded / "model.py").read_text() + "\n")
    with pytest.raises(UntrustedCodeError, match="not what was trusted before"):
        await mlx.answer(mlx.request(agreed))
    assert not ran(coded)
    assert isinstance((await mlx.answer(mlx.request()))[-1], StreamFinished), "the engine lives on"


async def test_what_changes_while_it_loads_is_not_what_runs(
    mlx: Rig, coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the file and its run another one is put in its place: at the latest moment that there is."""
    from lama_tui.engine import mlx_model

    agreed, load = trusted(coded), mlx_model.load

    def late(*arguments: object) -> object:
        (coded / "model.py").write_text(f"open({str(coded / 'evil')!r}, 'w')\n")
        return load(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(mlx_model, "load", late)
    assert isinstance((await mlx.answer(mlx.request(agreed)))[-1], StreamFinished)
    assert ran(coded) and not (coded / "evil").exists()


async def test_no_compiled_copy_runs_in_its_place(mlx: Rig, coded: Path) -> None:
    """Python prefers what lies in `__pycache__`, and believes it unchecked if it says so itself."""
    evil = coded / "evil.py"
    evil.write_text(f"open({str(coded / 'evil')!r}, 'w')\n")
    import importlib.util

    hidden = importlib.util.cache_from_source(str(coded / "model.py"))
    py_compile.compile(str(evil), hidden, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    evil.unlink()
    names = [file.name for file in code_of(coded).files]
    assert names == ["model.py", str(Path(hidden).relative_to(coded))], "it is code too"
    assert isinstance((await mlx.answer(mlx.request(trusted(coded))))[-1], StreamFinished)
    assert ran(coded) and not (coded / "evil").exists()


async def test_a_draft_needs_consent_of_its_own(mlx: Rig, coded: Path) -> None:
    first = ModelSource("drafted", mlx.first.folder, draft=str(coded), code=code_of(coded).digest)
    with pytest.raises(UntrustedCodeError, match="brings a program"):
        await mlx.answer(mlx.request(first))
    assert not ran(coded)
    agreed = ModelSource("drafted", mlx.first.folder, draft=str(coded), draft_code=code_of(coded).digest)
    assert isinstance((await mlx.answer(mlx.request(agreed)))[-1], StreamFinished) and ran(coded)


PROGRAMS: dict[str, tuple[str, type[ModelError], str]] = {
    "syntax": ("def", ModelLoadError, "SyntaxError"),
    "raises": ("raise OSError('no luck')", ModelLoadError, "no luck"),
    "exits": ("raise SystemExit(3)", ModelLoadError, "SystemExit"),
    "no classes": ("x = 1", ModelFormatError, "defines no 'Model'"),
    "needs what is not there": ("import nothing_like_it", ModelLoadError, "nothing_like_it"),
    "fails later": (
        "class ModelArgs:\n    from_dict = classmethod(lambda cls, config: cls())\n"
        "class Model:\n    def __init__(self, args): raise SystemExit('late')\n",
        ModelLoadError,
        "late",
    ),
    "no cache": (
        "from mlx_lm.models.llama import Model as Llama, ModelArgs\n"
        "class Model(Llama):\n    def make_cache(self): return 5\n",
        ModelLoadError,
        "what they remember",
    ),
    "no layers": (
        "import mlx.nn as nn\nfrom mlx_lm.models.llama import Model as Llama, ModelArgs\n"
        "class Model(nn.Module):\n    def __init__(self, args):\n        super().__init__()\n"
        "        self.inner = Llama(args)\n"
        "    def sanitize(self, weights): return {f'inner.{name}': each for name, each in weights.items()}\n",
        ModelLoadError,
        "layers",
    ),
    "is no network": (
        "class ModelArgs:\n    from_dict = classmethod(lambda cls, config: cls())\n"
        "class Model:\n    def __init__(self, args): pass\n",
        ModelError,
        "",
    ),
}


USUAL = ("syntax", "exits", "is no network")


@pytest.mark.parametrize(
    "case", [case if case in USUAL else pytest.param(case, marks=pytest.mark.slow) for case in PROGRAMS]
)
async def test_a_program_that_fails_is_explained(mlx: Rig, coded: Path, case: str) -> None:
    text, error, says = PROGRAMS[case]
    (coded / "model.py").write_text(text)
    with pytest.raises(error) as caught:
        await mlx.answer(mlx.request(trusted(coded)))
    assert says in str(caught.value) and caught.value.title and caught.value.hint
    assert isinstance((await mlx.answer(mlx.request()))[-1], StreamFinished)


@pytest.mark.parametrize(
    "raises",
    [
        "SystemExit('enough')",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("KeyboardInterrupt()", "OSError('enough')")),
    ],
)
async def test_a_program_that_ends_its_thread_fails_alone(mlx: Rig, coded: Path, raises: str) -> None:
    (coded / "model.py").write_text(
        "from mlx_lm.models.llama import Model as Llama, ModelArgs\n"
        f"class Model(Llama):\n    def __call__(self, *a, **k): raise {raises}\n"
    )
    with pytest.raises(InferenceError, match=r"enough|KeyboardInterrupt"):
        await mlx.answer(mlx.request(trusted(coded)))
    assert isinstance((await mlx.answer(mlx.request()))[-1], StreamFinished)


# --- what can never be trusted --------------------------------------------------------------------


def named(name: object) -> Callable[[Path], object]:
    return lambda folder: _config(folder, model_file=name)


def _config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def linked(folder: Path) -> None:
    (folder / "model.py").rename(folder.parent / "outside.py")
    (folder / "model.py").symlink_to(folder.parent / "outside.py")


def linked_beside(folder: Path) -> None:
    (folder.parent / "outside.py").write_text("")
    (folder / "other.py").symlink_to(folder.parent / "outside.py")


def linked_folder(folder: Path) -> None:
    (folder.parent / "outside").mkdir()
    (folder / "inside").symlink_to(folder.parent / "outside")


def bytes_in(data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "model.py").write_bytes(data)


def piped(folder: Path) -> None:
    (folder / "model.py").unlink()
    os.mkfifo(folder / "model.py")


def crowded(folder: Path) -> None:
    for number in range(100):
        (folder / f"m{number}.py").write_text("")


IMPOSSIBLE: dict[str, Callable[[Path], object]] = {
    "above": named("../outside.py"),
    "deeper": named("sub/model.py"),
    "absolute": named("/etc/model.py"),
    "absent": named("absent.py"),
    "empty": named(""),
    "list": named(["model.py"]),
    "control": named("mo\x1bdel.py"),
    "nul": named("mo\0del.py"),
    "backslash": named("..\\model.py"),
    "not python": named("config.json"),
    "link": linked,
    "link beside": linked_beside,
    "link to a folder": linked_folder,
    "pipe": piped,
    "folder": lambda folder: ((folder / "model.py").unlink(), (folder / "model.py").mkdir()),
    "too long": bytes_in(b"#" * (LIMIT + 1)),
    "too many": crowded,
    "not text": bytes_in(b"\xff\xfe\x00"),
    "other encoding": bytes_in("# é".encode("latin-1")),
    "hidden characters": bytes_in("x = 1  # \u202e".encode()),
    "escapes": bytes_in(b"x = 1  # \x1b[2K"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_nobody_could_read_is_refused(coded: Path, case: str) -> None:
    IMPOSSIBLE[case](coded)
    with pytest.raises(ModelFormatError, match="cannot be trusted"):
        check_folder(ModelSource("coded", str(coded)))


def test_a_line_that_names_an_encoding_makes_no_other_program(coded: Path) -> None:
    from lama_tui.engine.model_code import classes

    hidden = f"# -*- coding: unicode_escape -*-\n# \\u000aopen({str(coded / 'evil')!r}, 'w')\nModel = ModelArgs = 1\n"
    (coded / "model.py").write_text(hidden)
    assert classes(trusted(coded), code_of(coded)) == (1, 1)
    assert not (coded / "evil").exists()


def test_the_hubs_own_links_are_followed(coded: Path, tmp_path: Path) -> None:
    repo = tmp_path / "hub" / "models--org--name"
    place, blobs = repo / "snapshots" / "0123abc", repo / "blobs"
    place.parent.mkdir(parents=True)
    blobs.mkdir()
    shutil.move(coded, place)
    (place / "model.py").rename(blobs / "aa")
    (place / "model.py").symlink_to("../../blobs/aa")
    code = code_of(place)
    with pytest.raises(UntrustedCodeError, match="of revision 0123abc"):
        demand_trust("org/name", code, "")
    (place / "model.py").unlink()
    (place / "model.py").symlink_to("../../../../outside.py")
    (tmp_path / "outside.py").write_text("")
    with pytest.raises(ModelFormatError, match="leads out of"):
        code_of(place)


def test_each_file_and_name_counts(coded: Path) -> None:
    seen = {code_of(coded).digest}
    (coded / "sub").mkdir()
    for change in (
        lambda: (coded / "other.py").write_text("x = 1"),
        lambda: (coded / "other.py").write_text("x = 2"),
        lambda: (coded / "other.py").rename(coded / "another.py"),
        lambda: (coded / "sub" / "deep.py").write_text(""),
        lambda: (coded / "fast.so").write_bytes(b"\x7fELF"),
        lambda: _config(coded, model_file="another.py"),
    ):
        change()
        seen.add(code_of(coded).digest)
    assert len(seen) == 7
    (coded / "README.md").write_text("no code")
    assert code_of(coded).digest in seen


def test_a_model_without_a_program_has_no_code(tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "plain")
    (folder / "modeling.py").write_text("raise SystemExit")
    assert check_folder(ModelSource("plain", str(folder))).code is None
