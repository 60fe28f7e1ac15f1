"""What a program that uses RSTG-TF looks like to a type checker; `make lint` checks it."""

import numpy as np

import rstg_tf


def graph() -> int:
    return rstg_tf.SpaceGraph(scales=(3, (2, 4), 1)).num_nodes


def best_models() -> list[str]:
    names = rstg_tf.list_models("rstg_*")
    return sorted(names, key=lambda name: rstg_tf.model_info(name).parameters)


def attention_of(name: str, clips: np.ndarray) -> np.ndarray:
    model: rstg_tf.VideoClassifier = rstg_tf.load_model(name)
    return np.asarray(model.attention(clips))


def classes_of(path: str) -> list[str]:
    prediction = rstg_tf.Predictor("interactions_rstg", top=3)(path)
    if isinstance(prediction, list):
        return []
    return [name for name, _ in prediction.classes]


def clip_of(prediction: rstg_tf.prediction.Prediction) -> np.ndarray:
    return prediction.clip


def trained(steps: int) -> str:
    config = rstg_tf.experiments.get_experiment(rstg_tf.list_experiments()[0])
    config.trainer.train_steps = steps
    return str(rstg_tf.train(config, "runs/short").path)
