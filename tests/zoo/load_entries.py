"""What a user does with the zoo who has Keras only: `load_entries.py ZOO NAME ... MADE`."""

import pathlib
import sys

sys.modules["rstg_tf"] = None  # Importing it, or any part of it, raises ImportError.

import keras  # noqa: E402
import numpy as np  # noqa: E402

zoo, *names, made = sys.argv[1:]
scores = {}
for name in names:
    directory = pathlib.Path(zoo) / name
    model = keras.models.load_model(directory)
    with np.load(directory / "example.npz") as example:
        outputs = model.predict(example["clips"], verbose=0)
    scores |= {f"{name}/{output}": array for output, array in outputs.items()}
np.savez(made, **scores)
