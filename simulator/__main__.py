"""``python -m simulator``: run the simulated terminal and broker."""

import sys

from simulator.service.process import read_arguments, run

if __name__ == "__main__":
    sys.exit(run(read_arguments()))
