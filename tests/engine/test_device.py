import sys
from pathlib import Path

import pytest

from lama_tui.engine.device import Wheels, advice, wheels


def test_what_is_installed_is_found_without_importing_it() -> None:
    found = wheels()
    assert found.usable and found.device == ("metal" if sys.platform == "darwin" else "cpu")
    assert found.conflict == ()


def test_names_and_versions_agree_with_the_metadata() -> None:
    from importlib import metadata

    found = wheels().installed
    assert found == {name: metadata.version(name) for name in found} and "mlx" in found


def test_what_is_not_a_folder_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "mlx_cuda_12-0.32.4.dist-info").mkdir()
    (tmp_path / "mlx_other-1.dist-info").mkdir()
    assert wheels([str(tmp_path / "gone"), str(tmp_path)]).installed == {"mlx-cuda-12": "0.32.4"}


@pytest.mark.parametrize(
    ("installed", "device", "conflict"),
    [
        ((), None, ()),
        (("mlx", "mlx-metal", "mlx-lm"), "metal", ()),
        (("mlx", "mlx-cuda-12", "mlx-lm"), "cuda", ()),
        (("mlx", "mlx-cpu", "mlx-cuda-13", "mlx-lm"), "cuda", ("mlx-cuda-13", "mlx-cpu")),
        (("mlx", "mlx-lm"), None, ()),
    ],
)
def test_wheels(installed: tuple[str, ...], device: str | None, conflict: tuple[str, ...]) -> None:
    found = Wheels(dict.fromkeys(installed, "1"))
    assert (found.device, found.conflict, found.usable) == (device, conflict, device is not None)


def test_every_platform_is_told_what_it_can_use() -> None:
    assert "pip install mlx" in advice("darwin", "arm64")
    assert "Intel" in advice("darwin", "x86_64") and "providers" in advice("darwin", "x86_64")
    assert "mlx[cpu]" in advice("linux", "x86_64")
    assert "providers" in advice("win32", "AMD64")
