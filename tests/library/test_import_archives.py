"""Imports of archives: none of them writes a byte outside its folder, whatever it says."""

import asyncio
import bz2
import gzip
import io
import lzma
import pickle
import random
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from gguf_files import write_gguf

from lama_tui.errors import LamaError
from lama_tui.library.importing.imports import Imports
from lama_tui.library.installed import describe
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.chance import seeds
from tests.models import make_tiny_llama


@pytest.fixture
async def imports() -> AsyncIterator[Imports]:
    paths = Paths.from_environment()
    database = await Database.open(paths)

    async def table() -> SnapshotTable:
        return SnapshotTable(database)

    yield Imports(paths, table)
    await database.close()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_llama(tmp_path / "made")


def tar_of(folder: Path, inside: str = "", more: Callable[[tarfile.TarFile], None] | None = None) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, f"{inside}{file.name}")
        if more is not None:
            more(archive)
    return raw.getvalue()


def zip_of(folder: Path, inside: str = "", more: Callable[[zipfile.ZipFile], None] | None = None) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{inside}{file.name}")
        if more is not None:
            more(archive)
    return raw.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def everything(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


async def refused(imports: Imports, archive: Path, tmp_path: Path) -> str:
    models = Paths.from_environment().models
    before = everything(tmp_path)
    with pytest.raises(LamaError) as raised:
        await imports.add(archive)
    assert everything(tmp_path) - before <= {str(models), str(models.parent)}, "it wrote somewhere, or left something"
    return str(raised.value)


@pytest.mark.parametrize("pack", [zip_of, tar_of], ids=["zip", "tar"])
@pytest.mark.parametrize("inside", ["", "top/", "top/inner/"])
async def test_an_archive_becomes_a_model(
    imports: Imports, model: Path, tmp_path: Path, pack: Callable[..., bytes], inside: str
) -> None:
    (model / ".DS_Store").write_bytes(b"hidden")
    (archive := tmp_path / "Tiny.download").write_bytes(pack(model, inside))
    done = await imports.add(archive, name="tiny")
    (model / ".DS_Store").unlink()
    assert files_of(done.path) == files_of(model)
    assert (await describe("tiny", Paths.from_environment())).usable


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
async def test_compressed_tars_are_unpacked(
    imports: Imports, model: Path, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    raw = tar_of(model)
    (archive := tmp_path / "Tiny.tar.gz").write_bytes(compress(raw[:5000]) + compress(raw[5000:]))
    done = await imports.add(archive)
    assert done.ref == "Tiny"
    archive.write_bytes(compress(raw)[:-30])
    assert "damaged" in await refused_as(imports, archive, "cut")
    archive.write_bytes(compress(b"text"))
    assert "no tar archive" in await refused_as(imports, archive, "text")


async def refused_as(imports: Imports, archive: Path, name: str) -> str:
    with pytest.raises(LamaError) as raised:
        await imports.add(archive, name=name)
    return str(raised.value)


async def test_a_gguf_file_in_an_archive(imports: Imports, tmp_path: Path) -> None:
    write_gguf(tmp_path / "in" / "m.gguf")
    (archive := tmp_path / "m.zip").write_bytes(zip_of(tmp_path / "in"))
    assert (await describe((await imports.add(archive)).ref, Paths.from_environment())).format == "gguf"


# fmt: off
NAMES = [
    "../evil", "a/../../evil", "/tmp/evil-lama", "\\evil", "C:/evil", "a\nb", "a\x1b]0;x\x07", "a//b", "a/./b",
    "config.json", "CONFIG.JSON", "config.json/x", "~/x", "d/" * 20 + "x", "n" * 300, "./../x", "a\udcff",
]
# fmt: on


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_names_that_lead_elsewhere_are_refused(imports: Imports, model: Path, tmp_path: Path) -> None:
    for name in NAMES:
        archives = [tar_of(model, more=lambda a, name=name: a.addfile(member(name, size=4), io.BytesIO(b"evil")))]
        if not name.endswith("\udcff"):  # it cannot be written into a zip
            archives.append(zip_of(model, more=lambda a, name=name: a.writestr(name, b"evil")))
        for raw in archives:
            (archive := tmp_path / "archive").write_bytes(raw)
            said = await refused(imports, archive, tmp_path)
            assert ("name" in said or "same place" in said) and "\x1b" not in said, name


LINKS = [
    member("l", tarfile.SYMTYPE, link="/etc/passwd"),
    member("l", tarfile.SYMTYPE, link="config.json"),
    member("l", tarfile.LNKTYPE, link="config.json"),
    member("l", tarfile.LNKTYPE, link="../../x"),
    member("l", tarfile.CHRTYPE),
    member("l", tarfile.BLKTYPE),
    member("l", tarfile.FIFOTYPE),
]


async def test_links_and_devices_are_refused(imports: Imports, model: Path, tmp_path: Path) -> None:
    for link in LINKS:
        (archive := tmp_path / "t.tar").write_bytes(tar_of(model, more=lambda a, link=link: a.addfile(link)))
        assert "is a link, a device" in await refused(imports, archive, tmp_path), link


async def test_links_in_zips_are_refused(imports: Imports, model: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("l")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    (archive := tmp_path / "z.zip").write_bytes(zip_of(model, more=lambda a: a.writestr(link, "/etc/passwd")))
    assert "is a link, a device" in await refused(imports, archive, tmp_path)
    # through a link that an earlier member made
    through = [member("d", tarfile.SYMTYPE, link=str(tmp_path)), member("d/evil", size=0)]
    (tar := tmp_path / "t.tar").write_bytes(tar_of(model, more=lambda a: [a.addfile(each) for each in through]))
    await refused(imports, tar, tmp_path)


async def test_pickles_in_archives_are_refused(imports: Imports, model: Path, tmp_path: Path) -> None:
    (model / "tokenizer.txt").write_bytes(pickle.dumps({"a": 1}))
    (archive := tmp_path / "z.zip").write_bytes(zip_of(model))
    assert "pickle" in await refused(imports, archive, tmp_path)
    archive.write_bytes(gzip.compress(tar_of(model)))
    assert "pickle" in await refused(imports, archive, tmp_path)
    (model / "tokenizer.txt").write_bytes(zip_of(model))
    archive.write_bytes(zip_of(model))
    assert "zip archive" in await refused(imports, archive, tmp_path)
    torch = io.BytesIO()
    with zipfile.ZipFile(torch, "w") as made:
        made.writestr("archive/data.pkl", pickle.dumps(1))
    archive.write_bytes(torch.getvalue())
    assert "PyTorch" in await refused(imports, archive, tmp_path)
    (model / "tokenizer.txt").write_bytes(torch.getvalue())
    archive.write_bytes(tar_of(model))
    assert "PyTorch" in await refused(imports, archive, tmp_path)


@pytest.mark.slow
async def test_bombs_are_refused(imports: Imports, tmp_path: Path) -> None:
    """300 megabytes from one; what was written is taken away again."""
    megabyte = bytes(1 << 20)
    packed = gzip.compress(megabyte)
    (archive := tmp_path / "bomb.tgz").write_bytes(gzip.compress(member("a", size=300 << 20).tobuf()) + packed * 300)
    assert "bomb" in await refused(imports, archive, tmp_path)
    # the same in what is left out
    hidden = gzip.compress(member(".a", size=300 << 20).tobuf())
    archive.write_bytes(hidden + packed * 300)
    assert "bomb" in await refused(imports, archive, tmp_path)


@pytest.mark.slow
async def test_zip_bombs_are_refused(imports: Imports, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive := tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        made.writestr("a.bin", bytes(300 << 20))
    assert "bomb" in await refused(imports, archive, tmp_path)
    # and one that says that it is small
    raw = bytearray(archive.read_bytes())
    at = raw.index(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (100).to_bytes(4, "little")
    archive.write_bytes(bytes(raw))
    await refused(imports, archive, tmp_path)


async def test_headers_that_want_too_much_memory_are_refused(imports: Imports, tmp_path: Path) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE):
        (archive := tmp_path / "t.tgz").write_bytes(gzip.compress(member("x", kind, size=1 << 34).tobuf()))
        await refused(imports, archive, tmp_path)
    deep = b"".join(member("x", tarfile.XHDTYPE).tobuf() for _ in range(20_000))
    archive.write_bytes(gzip.compress(deep))
    await refused(imports, archive, tmp_path)
    # xz says how much memory it wants
    raw = bytearray(lzma.compress(b"x" * 100, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}]))
    raw[raw.index(b"\x21\x01") + 2] = 40  # 4 GiB - 1
    header = raw[12 : 12 + (raw[12] + 1) * 4 - 4]
    raw[12 + len(header) : 16 + len(header)] = struct.pack("<I", zlib.crc32(bytes(header)))
    (xz := tmp_path / "t.txz").write_bytes(bytes(raw))
    assert "emory" in await refused(imports, xz, tmp_path)


@pytest.mark.slow
async def test_a_hundred_thousand_members_are_refused(imports: Imports, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive := tmp_path / "z.zip", "w") as made:
        for number in range(100_000):
            made.writestr(f"folder/{number}", b"")
    assert "too many files" in await refused(imports, archive, tmp_path)
    one = member("x").tobuf()
    (tar := tmp_path / "t.tgz").write_bytes(gzip.compress(b"".join(one for _ in range(100_000)), 1))
    await refused(imports, tar, tmp_path)
    many = b"".join(member(f"{number}").tobuf() for number in range(12_000))
    tar.write_bytes(gzip.compress(many, 1))
    assert "too many files" in await refused(imports, tar, tmp_path)


async def test_garbage_in_archives_is_told(imports: Imports, model: Path, tmp_path: Path) -> None:
    raw = zip_of(model)
    archive = tmp_path / "z.zip"
    for data in (raw[:-10], raw[:2000], raw[:200] + b"\xff" * 100 + raw[300:], raw[:30], b"PK\x05\x06" + bytes(18)):
        archive.write_bytes(data)
        await refused(imports, archive, tmp_path)
    encrypted = bytearray(zip_of(model))
    at = encrypted.index(b"PK\x01\x02")
    encrypted[at + 8] |= 1
    archive.write_bytes(bytes(encrypted))
    assert "encrypted" in await refused(imports, archive, tmp_path)
    for data in (b"7z\xbc\xaf\x27\x1c" + bytes(100), b"\x28\xb5\x2f\xfd" + bytes(100)):
        archive.write_bytes(data)
        await refused(imports, archive, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(1))
async def test_damaged_archives_leave_nothing_and_raise_nothing_else(
    imports: Imports, model: Path, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    tar = tar_of(model, "m/")
    sound = [tar, zip_of(model, "m/"), gzip.compress(tar, 1), lzma.compress(tar, preset=0), bz2.compress(tar, 1)]
    archive, models = tmp_path / "archive", Paths.from_environment().models
    beside = everything(tmp_path) | {str(archive)}
    for _ in range(2000):
        raw = bytearray(chance.choice(sound))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(chance.choice([len(raw), min(2048, len(raw))]))
            match chance.randrange(3):
                case 0:
                    raw[at] = chance.randrange(256)
                case 1:
                    del raw[at : at + chance.randint(1, 64)]
                case 2:
                    raw[at:at] = chance.randbytes(chance.randint(1, 32))
        archive.write_bytes(raw)
        try:
            done = await imports.add(archive, name="m")
        except LamaError as error:
            assert not error.title.startswith("The import failed"), error
        else:
            await asyncio.to_thread(shutil.rmtree, done.path)
        assert list(models.iterdir()) == []
    assert {path for path in everything(tmp_path) - beside if "lama.db" not in path} <= {str(models)}
