"""Becomes another program that ends when its parent does. Run as a file, before anything is imported.

Arguments: the parent's process id, the signal for an orphan, the user to be (empty: as we are), the program
and its arguments. Done here, after the fork, as Python code between fork and exec is not safe with threads.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, signum: str, user: str, *arguments: str) -> None:
    """Does not return."""
    if user:
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
        if os.getppid() != int(parent):  # it went before the call
            sys.exit("the parent has ended")
    try:
        os.execvp(arguments[0], arguments)
    except OSError as error:
        sys.exit(f"{arguments[0]} can't be run: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
