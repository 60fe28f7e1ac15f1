# %% [markdown]
# # NAME: evaluation
#
# Loads the published model of this folder and measures it on clips that neither its training nor
# its card has seen. The outputs were stored when the model was published. To change the notebook,
# copy it elsewhere and let `ENTRY` name the folder: the files of an entry have checksums.

# %% tags=["parameters"]
ENTRY = "."  # Folder of the published model.
DATA = "interactions"  # A generator with its options, or a folder of shards.
NUM_CLIPS = 500
SEED = 2_000_000  # Of the clips; that of the card is in metrics.json.

# %% [markdown]
# ## The model
#
# By Keras alone; RSTG-TF comes in for the data, the figures and the pictures.

# %%
import json
import pathlib

import keras
import tensorflow as tf

tf.get_logger().setLevel("ERROR")  # Its warnings are of no use to a reader.
model = keras.models.load_model(ENTRY)
class_names = pathlib.Path(ENTRY, "assets/labels.txt").read_text().splitlines()
card = json.loads(pathlib.Path(ENTRY, "metrics.json").read_text())
print(f"{model.count_params():,} parameters, {len(class_names)} classes")

# %% [markdown]
# ## A test set

# %%
from rstg_tf import experiments
from rstg_tf.data.input import evaluation_dataset
from rstg_tf.evaluation.data import chance_level, open_test_set

config = experiments.apply_file(experiments.Experiment(), pathlib.Path(ENTRY, "config.yaml"))
source, about = open_test_set(DATA, seed=SEED, config=config)
assert list(source.class_names) == class_names
dataset = evaluation_dataset(source, batch_size=32, num_examples=NUM_CLIPS).cache()
frames = source.clip_shape[0]
digits = f", digits of {about['digits']}" if "digits" in about else ""
print(f"{NUM_CLIPS:,} clips of {about['name']}, split {about['split']}", end=", ")
print(f"shape {tuple(source.clip_shape)}{digits}")

# %% [markdown]
# ## Figures
#
# Beside those of the card, with 95 % intervals.

# %%
import pandas as pd
from IPython.display import display

from rstg_tf.evaluation import evaluate

report = evaluate(
    model, dataset, class_names, NUM_CLIPS, chance=chance_level(source), progress=False
)
here, there = report.figures, card["figures"]


def percent(figures, name):
    low, high = figures[f"{name}_interval_95"]
    return f"{figures[name]:.2%} ({low:.2%} … {high:.2%})"


rows = [name for name in ("top_1", "top_5", "within_pair", "no_pair") if here.get(name) is not None]
table = pd.DataFrame(
    {
        f"card, {there['num_clips']:,} clips": [percent(there, name) for name in rows],
        f"here, {here['num_clips']:,} clips": [percent(here, name) for name in rows],
    },
    index=rows,
)
display(table)
(low, high), (card_low, card_high) = (figures["top_1_interval_95"] for figures in (here, there))
overlap = low <= card_high and card_low <= high
print(f"The intervals of top-1 {'overlap' if overlap else 'DO NOT overlap'}.")

# %% [markdown]
# ## Which class is taken for which

# %%
import io

from IPython.display import Image

from rstg_tf.visualize import save_png


def show(figure):
    picture = io.BytesIO()
    save_png(figure, picture)
    display(Image(picture.getvalue()))


def show_frames(figure):
    picture = io.BytesIO()
    figure.savefig(picture, format="jpeg", dpi=72, pil_kwargs={"quality": 70})
    display(Image(picture.getvalue()))


show(report.plot_confusion().figure)

# %%
with pd.option_context("display.max_rows", None, "display.max_colwidth", None):
    display(report.per_class.round(3))

# %% [markdown]
# ## Accuracy against the number of frames seen
#
# The model gets only the first frames of each clip.

# %%
import numpy as np
from matplotlib.figure import Figure

counts = np.unique(np.linspace(min(4, frames), frames, 5).round().astype(int))
seen = []
for count in counts:
    first_frames = dataset.map(lambda clips, labels, count=count: (clips[:, :count], labels))
    seen.append(evaluate(model, first_frames, class_names, NUM_CLIPS, progress=False).figures)

accuracy = np.array([figures["top_1"] for figures in seen])
low, high = np.array([figures["top_1_interval_95"] for figures in seen]).T
figure = Figure(figsize=(6, 3.5), layout="constrained")
ax = figure.subplots()
ax.errorbar(counts, accuracy, [accuracy - low, high - accuracy], marker="o", capsize=3)
ax.axhline(report.chance, color="0.5", linestyle=":", label=f"chance, {report.chance:.1%}")
ax.set(xlabel="frames seen", ylabel="top-1, 95 % interval", xticks=counts, ylim=(0, 1.02))
ax.legend(frameon=False)
show(figure)

# %% [markdown]
# ## Right and wrong
#
# The first clips of the test set that the model gets right, and the first that it gets wrong.

# %%
from scipy.special import softmax

from rstg_tf.visualize import draw_strips

confidence = softmax(report.scores, axis=1).max(axis=1)
right = np.flatnonzero(report.predictions == report.labels)[:3]
wrong = np.flatnonzero(report.predictions != report.labels)[:3]


def clip_of(number):
    return next(dataset.unbatch().skip(number).take(1).as_numpy_iterator())[0]


def title_of(number):
    true, predicted = (class_names[n[number]] for n in (report.labels, report.predictions))
    taken = "right" if predicted == true else f"taken for “{predicted}”"
    return f"{true}: {taken} ({confidence[number]:.0%})"


for numbers in filter(len, (right, wrong)):
    show_frames(draw_strips([clip_of(n) for n in numbers], [title_of(n) for n in numbers]))

# %% [markdown] tags=["attention"]
# ## Who listens to whom
#
# With the real layers of RSTG-TF the attention of each region over its neighbours comes back. An
# arrow goes from the region that is heard to the one that hears it; its width is how much more it
# is heard than the neighbours on average. The strongest of each frame are drawn.

# %% tags=["attention"]
import rstg_tf
from rstg_tf.visualize import draw_attention

twin = rstg_tf.load_model(ENTRY)
for number in [*right[:1], *wrong[:1]]:
    clip = clip_of(number)
    for place, block in twin.blocks.items():
        attention = twin.attention(clip[None], place)[0]
        title = f"{title_of(number)}, block {place}"
        show_frames(draw_attention(clip, attention, block.graph, frames=5, title=title))
