"""``python -m dgm_lite``: what stands in ``dgm_lite/cli``."""

import sys

if __name__ == "__main__":
    try:
        from dgm_lite.cli.main import main

        code = main()
    except KeyboardInterrupt:  # while it was still being loaded
        code = 130
    sys.exit(code)
