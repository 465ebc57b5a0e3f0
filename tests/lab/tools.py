"""The lab's small C programs: compiled on demand, outside the tree."""

import os
import subprocess
import tempfile

from guard import BUILD, ROOT

FLAGS = ["-std=c17", "-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Werror"]


def built(source, *flags):
    """Path of the program made from a C file of the tree; compiled when missing or older than its source."""
    source = os.path.join(ROOT, source)
    folder = os.path.join(BUILD if os.path.isdir(BUILD) and os.access(BUILD, os.W_OK) else tempfile.gettempdir(), "lab-tools")
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, os.path.basename(source).rsplit(".", 1)[0] + (".so" if "-shared" in flags else ""))
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        fresh = f"{target}.{os.getpid()}"
        subprocess.run([os.environ.get("CC", "cc"), *FLAGS, *flags, "-o", fresh, source], check=True)
        os.rename(fresh, target)                    # several test workers may come here at once
    return target
