"""Which device the tensors go to, and how its lack of memory is told.

Which gpu of a machine a worker owns was decided before the process started.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gpu_worker.errors import OutOfMemory


def pick_device() -> torch.device:
    """The first gpu this process may see, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def multiplies_bfloat16() -> bool:
    """Whether this CPU does so in hardware; others take longer than for float32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported() and torch.cpu._is_avx512_bf16_supported())


def let_go() -> None:
    """Give back memory that nobody uses: pipes and their parts hold each other, and torch keeps what it freed."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def telling_out_of_memory() -> Iterator[None]:
    """Raise OutOfMemory for what torch and Python raise when an allocation fails, on gpu or CPU."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(str(error)) from error
    except RuntimeError as error:
        # The CPU allocator has no class of its own.
        if "DefaultCPUAllocator" not in str(error):
            raise
        raise OutOfMemory(str(error)) from error
