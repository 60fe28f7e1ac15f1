"""What a user does with a published model who has Keras only: `fine_tune.py MODEL CLIPS MADE`."""

import sys

import keras
import numpy as np

directory, given, made = sys.argv[1:]
clips = np.load(given)
model = keras.models.load_model(directory)
outputs = {
    **model.predict(clips, batch_size=3, verbose=0),
    "one": model.predict(clips[:1], verbose=0)["logits"],
    "served": model.signatures["serving_default"](clips=clips)["logits"],
}

refusals = []
for wrong in (clips[0], clips[..., :1]):  # Without a batch; with one channel.
    try:
        model.signatures["serving_default"](clips=keras.backend.constant(wrong, "uint8"))
    except Exception as error:
        refusals.append(str(error))

before = [weight.copy() for weight in model.get_weights()]
loss = {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
model.compile(keras.optimizers.Adam(1e-2), loss=loss)
history = model.fit(clips, {"logits": np.arange(len(clips))}, epochs=6, verbose=0)
changed = [np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True)]

assert not any(name.partition(".")[0] == "rstg_tf" for name in sys.modules)
np.savez(made, **outputs, losses=history.history["loss"], changed=changed, refusals=refusals)
