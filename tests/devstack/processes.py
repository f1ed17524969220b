"""Looking at processes from outside."""

import os

import psutil


def gone(pid: int) -> bool:
    """Whether the process is no more; one that nobody has waited for yet counts as gone."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def plain_environment() -> dict[str, str]:
    """The environment without settings of LeadStream."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LEADSTREAM_")}
