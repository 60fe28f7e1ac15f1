"""Predicts with a SavedModel by Keras alone: `python -I fresh_process.py MODEL CLIPS OUTPUT`.

CLIPS is an `.npz` file of batches, OUTPUT one of `NUMBER/NAME` for each output of each batch.
"""

import sys

# Importing it, or any part of it, raises ImportError.
sys.modules["rstg_tf"] = None  # type: ignore[assignment]

import keras  # noqa: E402
import numpy as np  # noqa: E402

if __name__ == "__main__":
    directory, given, made = sys.argv[1:]
    model = keras.models.load_model(directory, compile=False)
    with np.load(given) as batches:
        predictions = [model.predict(batches[key], batch_size=2, verbose=0) for key in batches]
    np.savez(
        made,
        **{
            f"{number}/{name}": array
            for number, outputs in enumerate(predictions)
            for name, array in outputs.items()
        },
    )
