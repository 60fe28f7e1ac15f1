"""Training on, saving and loading by Keras alone: `save_again.py MODEL CLIPS MADE`."""

import pathlib
import sys

sys.modules["rstg_tf"] = None  # Importing it, or any part of it, raises ImportError.

import keras  # noqa: E402
import numpy as np  # noqa: E402

directory, given, made = map(pathlib.Path, sys.argv[1:])
clips = np.load(given)
model = keras.models.load_model(directory)
loss = {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
model.compile(keras.optimizers.Adam(1e-3), loss=loss)
model.fit(clips, {"logits": np.arange(len(clips))}, verbose=0)
scores = {"trained": model.predict(clips, verbose=0)["logits"]}
for number in (1, 2):
    path = made.with_name(f"saved{number}")
    model.save(path, save_format="tf")
    model = keras.models.load_model(path)
    scores[f"loaded{number}"] = model.predict(clips, verbose=0)["logits"]
model.fit(clips, {"logits": np.arange(len(clips))}, verbose=0)

refusals = []
for wrong in (clips[:, :1], clips[:, :0], clips[:, :, :8], clips[:, :, :, :1], clips[..., :1]):
    try:
        model.predict(wrong, verbose=0)
    except Exception as error:
        refusals.append(str(error))
np.savez(made, **scores, refusals=refusals)
