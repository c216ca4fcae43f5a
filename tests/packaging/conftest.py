"""Installs what people install, into new environments outside the checkout, without a network."""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.environment import ROOT, WAIT, Environment


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Environment]:
    """Install with pip's arguments into a new environment that sees the dependencies of this one, but not its lama."""

    def make(*what: str | Path) -> Environment:
        folder = tmp_path_factory.mktemp("environment")
        venv.EnvBuilder(with_pip=True).create(folder)
        made = Environment(folder, tmp_path_factory.mktemp("elsewhere"))
        packages = made.python("import sysconfig; print(sysconfig.get_path('purelib'))")
        # a .pth adds these folders without reading the .pth files in them, so this checkout stays out
        here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (Path(packages) / "dependencies.pth").write_text("\n".join(sorted(here)), encoding="utf-8")
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation"]
        done = made.run(*pip, "--disable-pip-version-check", "--ignore-installed", *what)
        assert done.returncode == 0, done.stdout + done.stderr
        return made

    return make


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = folder.glob("*.whl")
    return built
