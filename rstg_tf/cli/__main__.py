"""`python -m rstg_tf.cli` is `rstg`."""

import sys

from rstg_tf.cli import main

sys.exit(main())
