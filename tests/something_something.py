"""Miniatures of Something-Something in the layout in which it is downloaded."""

import json

from PIL import Image
from video_files import frames_of, write_video

# Not in alphabetical order: the order is that of the label file.
V1_CLASSES = ["Pushing something", "Holding something", "Tearing something into two pieces"]
V2_CLASSES = ["Pushing something", "Holding something next to something", "Closing something"]
V2_TEMPLATES = [
    "Pushing [something]",
    "Holding [something] next to [something]",
    "Closing [something]",
]
VIDEOS = {"train": ["71", "9", "105", "28"], "validation": ["6", "50"], "test": ["3"]}


def label_of(media_id):
    return int(media_id) % 3


def length_of(media_id):
    """Number of frames, which differs."""
    return 5 + int(media_id) % 4


def write_v1(folder):
    frames = folder / "20bn-something-something-v1"
    for split, names in VIDEOS.items():
        lines = []
        for name in names:
            lines.append(name if split == "test" else f"{name};{V1_CLASSES[label_of(name)]}")
            (frames / name).mkdir(parents=True)
            for number, frame in enumerate(frames_of(length_of(name), 40, 56), 1):
                Image.fromarray(frame).save(frames / name / f"{number:05d}.jpg", quality=95)
        (folder / f"something-something-v1-{split}.csv").write_text("\n".join(lines) + "\n")
    labels = folder / "something-something-v1-labels.csv"
    labels.write_text("\n".join(V1_CLASSES) + "\n")
    return folder


def write_v2(folder, short_names=False):
    """`short_names`: `labels/train.json`, as of the newer download."""
    videos = folder / "20bn-something-something-v2"
    lists = folder / "labels" if short_names else folder
    lists.mkdir(parents=True, exist_ok=True)
    prefix = "" if short_names else "something-something-v2-"
    for split, names in VIDEOS.items():
        rows = []
        for name in names:
            row = {"id": name}
            if split != "test":
                template = V2_TEMPLATES[label_of(name)]
                row |= {
                    "label": template.replace("[something]", "a cup").lower(),
                    "template": template,
                    "placeholders": ["a cup"] * template.count("["),
                }
            rows.append(row)
            write_video(videos / f"{name}.webm", frames_of(length_of(name)))
        (lists / f"{prefix}{split}.json").write_text(json.dumps(rows))
    # Written in another order than that of the numbers.
    labels = {name: str(number) for number, name in reversed(list(enumerate(V2_CLASSES)))}
    (lists / f"{prefix}labels.json").write_text(json.dumps(labels))
    return folder
