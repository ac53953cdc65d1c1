"""The wheel, installed elsewhere: everything it needs is in it."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tileproof(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; the dependencies are the ones that run this test."""
    folder = tmp_path_factory.mktemp("elsewhere")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # Behind the wheel's own files, so that the source tree's editable install cannot answer for them.
    dependencies = Path(pytest.__file__).parents[1]
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return folder / "venv" / "bin" / "python"


def call(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "tileproof", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_installed_package_is_the_wheels(tileproof: Path, tmp_path: Path) -> None:
    code = "import tileproof, tileproof.library as l; print(tileproof.__file__, l.data_dir('kernels'))"
    done = subprocess.run([str(tileproof), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert str(ROOT) not in done.stdout


def test_it_lists_builds_and_verifies_every_kernel_from_an_empty_folder(tileproof: Path, tmp_path: Path) -> None:
    listed = call(tileproof, tmp_path, "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["attention", "canary", "mel"]

    verified = call(tileproof, tmp_path, "verify")

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "attention: PASS" in verified.stdout
    assert "mel: PASS" in verified.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["build"]
