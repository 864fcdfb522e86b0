"""``python -m dgm_lite``: what stands in ``dgm_lite/cli``."""

import math
import os
import signal
import sys
import time
from types import FrameType


class Stop:
    """What a signal does: Ctrl-C, a polite ``kill``, or a terminal that is closed."""

    number, at = signal.SIGINT, -math.inf

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """End the work. In the middle of an import, end the process: some libraries go on there, half loaded.

        Raises:
            KeyboardInterrupt: Everywhere else.
        """
        if time.monotonic() < self.at + 1:  # pressed twice, or sent twice: what saves the work is let finish
            return
        self.number, self.at = number, time.monotonic()
        while frame is not None:
            if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
                os.write(2, b"stopped by you. Nothing was saved.\n")
                os._exit(128 + number)
            frame = frame.f_back
        raise KeyboardInterrupt


if __name__ == "__main__":
    stop = Stop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # no terminal hangs up on Windows
        # Where somebody has set it to be ignored, in the background or by nohup, it stays so.
        if number and signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, stop)
    try:
        from dgm_lite.cli.main import main

        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(128 + stop.number if code == 130 else code)
