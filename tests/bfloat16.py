"""Whether TensorFlow can compute in bfloat16 here."""

import os

import pytest

# TensorFlow asks oneDNN for bfloat16 where the processor has AVX-512, and ends the process where
# oneDNN was told to leave it alone.  On a processor without it, TensorFlow does not ask.
TOLD = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
ONEDNN_IS_ON = os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"
needs_bfloat16 = pytest.mark.skipif(
    ONEDNN_IS_ON and TOLD in ("SSE41", "AVX", "AVX2", "AVX2_VNNI"),
    reason=f"TensorFlow crashes in bfloat16 with ONEDNN_MAX_CPU_ISA={TOLD}",
)
