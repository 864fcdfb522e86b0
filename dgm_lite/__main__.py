"""``python -m dgm_lite``: what stands in ``dgm_lite/cli``."""

import os
import signal
import sys
from types import FrameType


def stop(_: int, frame: FrameType | None) -> None:
    """Ctrl-C. In the middle of an import it ends the process: some libraries go on there, half loaded.

    Raises:
        KeyboardInterrupt: Everywhere else.
    """
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            os.write(2, b"stopped by you; nothing was saved.\n")
            os._exit(130)
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not so in the background
        signal.signal(signal.SIGINT, stop)
    try:
        from dgm_lite.cli.main import main

        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
