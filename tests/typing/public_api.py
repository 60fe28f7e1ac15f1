"""What a program that uses RSTG-TF looks like to a type checker; `make lint` checks it."""

import numpy as np

import rstg_tf


def graph() -> int:
    return rstg_tf.SpaceGraph(scales=(3, (2, 4), 1)).num_nodes


def classes_of(path: str) -> list[str]:
    prediction = rstg_tf.Predictor("interactions_rstg", top=3)(path)
    if isinstance(prediction, list):
        return []
    return [name for name, _ in prediction.classes]


def clip_of(prediction: rstg_tf.prediction.Prediction) -> np.ndarray:
    return prediction.clip
