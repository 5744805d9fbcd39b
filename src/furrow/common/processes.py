"""Work for all processors: Python does one thing at a time in one process."""

import gc
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


def pool(*, most: int = 4) -> ProcessPoolExecutor:
    """As many processes as there are processors, up to `most`, each ready for Django. They start
    in about 2 s, and end with the block, or when whoever started them is killed."""
    processes = min(os.cpu_count() or 1, most)
    return ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin)


def collect_rarely() -> None:
    """For a process that makes millions of objects and no circles among them, from here to its
    end: looking for circles took a quarter of the work, as each look goes through all there is."""
    gc.set_threshold(50_000, 50, 100)


def _begin() -> None:
    import django

    django.setup()
    gc.freeze()
    collect_rarely()
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
