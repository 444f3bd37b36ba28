"""What the figures were measured on, and of what: processor, cores and versions, and nothing that names a host."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import lrsched

__all__ = ["described", "revision", "versions"]

ROOT = Path(__file__).resolve().parent.parent

PACKAGES = (
    "numpy",
    "jax",
    "optax",
    "torch",
    "keras",
    "transformers",
    "timm",
    "fvcore",
    "pytorch-ignite",
)


def processor() -> str:
    """The processor's model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _flags() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    return ", AVX-512" if "avx512f" in text else ", AVX2" if "avx2" in text else ""


def versions() -> dict[str, str]:
    """Python's and the packages' versions; a package that is absent is not named."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def revision(root: Path = ROOT) -> str:
    """The version of lrsched, and the commit of a checkout, "dirty" if its files differ; results do not count."""
    found = [f"lrsched {lrsched.__version__}"]
    top = _git(root, "rev-parse", "--show-toplevel")
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    if top and commit and Path(top).resolve() == root.resolve():
        found.append(f"commit {commit}")
        if _git(root, "status", "--porcelain", "--", ".", ":!benchmarks/RESULTS.*") != "":
            found.append("dirty")
    return ", ".join(found)


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers; None without git, or outside of a checkout."""
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def described() -> dict[str, object]:
    """Processor, cores, system and versions as plain data."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor() + _flags(),
        "cores": cores,
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": versions(),
    }
