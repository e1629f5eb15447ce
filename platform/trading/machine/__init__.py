"""Machine code of kernels: kept on disk, and called without the compiler that made it."""
