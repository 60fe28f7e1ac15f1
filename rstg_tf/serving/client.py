"""A client of TensorFlow Serving: videos, frames and streams to classes."""

import random
import time
from typing import NamedTuple

import numpy as np

from rstg_tf.serving.errors import ServerUnavailable

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0  # Seconds.


class Answer(NamedTuple):
    """What the server answered for one clip.

    Attributes:
        classes: list of `(name, probability)`, the likeliest first.
        probabilities: float32 `[classes]`.
        logits: float32 `[classes]`.
    """

    classes: list
    probabilities: np.ndarray
    logits: np.ndarray


class Client:
    """Asks a model that `rstg_tf.serving.export_model` wrote.

    Frames are sent encoded: a JPEG has a tenth of the bytes of its pixels. Where the server can't
    be reached or is not ready the request is repeated, at growing intervals.

    Args:
        model: name of the model on the server.
        address: `HOST:PORT` for gRPC, or `http://HOST:PORT` for REST.
        version: number of the version asked; by default the server's choice.
        label: label of the version asked, such as `"stable"`; not together with `version`.
        timeout: seconds that one request may take.
        retries: how often it is repeated.
        jpeg_quality: 1 to 100; None sends PNG, without loss.

    Raises:
        ValueError: an argument out of its range. From a request: `errors.RequestRefused`, with the
            server's message, or an input of wrong name, type or rank, before it is sent.
        ConnectionError: from a request, after all retries: `errors.ServerUnavailable`.
        TimeoutError: from a request: `errors.ServerTimeout`.

    Example:
        >>> client = Client("interactions_rstg", "localhost:8500")
        >>> client.classify_video("pushing.webm").classes[0]
        ('Pushing something from left to right', 0.97)
    """

    def __init__(
        self,
        model,
        address="localhost:8500",
        version=None,
        label=None,
        timeout=30.0,
        retries=5,
        jpeg_quality=90,
    ):
        if version is not None and label is not None:
            raise ValueError(
                "A version is asked for by number or by label. "
                f"Received: version={version}, label={label!r}"
            )
        if timeout <= 0 or retries < 0:
            raise ValueError(
                "`timeout` must be positive, `retries` 0 or more. "
                f"Received: timeout={timeout}, retries={retries}"
            )
        self.model = model
        self._retries = retries
        self._jpeg_quality = jpeg_quality
        self._transport = _transport(address)(address, model, version, label, timeout)
        self._inputs = self._description = None

    def __enter__(self):
        """Returns the client."""
        return self

    def __exit__(self, *error):
        """Closes the connection."""
        self._transport.close()

    def states(self):
        """Asks for the versions of the model.

        Returns:
            Dict from number to state, such as `{3: "AVAILABLE"}`.
        """
        return self._repeated(self._transport.states)

    def predict(self, signature, **inputs):
        """Asks a signature, see `rstg_tf.serving.signatures`.

        Args:
            signature: its name.
            inputs: arrays; encoded frames are bytes in an array of objects.

        Returns:
            Dict from name to array.
        """
        if self._inputs is None:
            self._inputs = self._repeated(self._transport.inputs)
        inputs = {name: np.asarray(value) for name, value in inputs.items()}
        _check_inputs(self._inputs, signature, inputs)
        return self._repeated(self._transport.predict, signature, inputs)

    def description(self):
        """What clips the model takes.

        Returns:
            Dict: `frames`, `size`, `short_side`, `stride`, `channels` (int), `sampling` (str) and
            `labels` (list of str).
        """
        if self._description is None:
            found = self.predict("describe", rows=np.zeros(1, np.int64))
            labels = [name.decode() for name in found.pop("labels")[0]]
            sampling = found.pop("sampling")[0].decode()
            numbers = {name: int(value[0]) for name, value in found.items()}
            self._description = {**numbers, "sampling": sampling, "labels": labels}
        return self._description

    def classify_clips(self, clips):
        """Classifies clips by their pixels.

        Args:
            clips: uint8 `[B, T, H, W, C]`.

        Returns:
            List of B `Answer`.
        """
        return _answers(self.predict("classify", clips=clips))

    def classify_frames(self, frames):
        """Classifies one clip by its frames, all of them.

        Args:
            frames: T JPEG or PNG files as bytes, or frames uint8 `[h, w, C]`.

        Returns:
            An `Answer`.
        """
        encoded = np.array([[self._encoded(frame) for frame in frames]], object)
        return _answers(self.predict("predict_frames", frames=encoded))[0]

    def classify_video(self, video):
        """Classifies a video by the frames that an evaluation would take of it.

        Args:
            video: path of a video file.

        Returns:
            An `Answer`.

        Raises:
            ValueError: also a `VideoError`, where it is no video or a damaged one.
        """
        from rstg_tf.prediction.predictor import frames_of_clip

        return self.classify_frames(frames_of_clip(video, self._clips())[2])

    def stream(self, frames):
        """Classifies what is seen so far, frame by frame; the server keeps nothing between them.

        Args:
            frames: iterable of frames, encoded as bytes or uint8 `[h, w, C]`; one that waits for
                a camera will do.

        Yields:
            An `Answer` for each frame.

        Raises:
            ValueError: also where the model can't stream.
        """
        state = self.predict("init_states", rows=np.zeros(1, np.int64))
        for frame in frames:
            encoded = np.array([self._encoded(frame)], object)
            outputs = self.predict("step_encoded", frames=encoded, **state)
            state = {name: outputs[name] for name in state}
            yield _answers(outputs)[0]

    def _clips(self):
        from rstg_tf.data.clips import Clips

        names = ("frames", "size", "short_side", "sampling", "stride")
        return Clips(**{name: self.description()[name] for name in names})

    def _encoded(self, frame):
        if isinstance(frame, bytes):
            return frame
        from rstg_tf.data.sequence_example import encode_image

        return encode_image(frame, self._jpeg_quality)

    def _repeated(self, request, *arguments):
        """Asks again, at intervals that double, while no server is there."""
        for attempt in range(self._retries + 1):
            try:
                return request(*arguments)
            except ServerUnavailable:
                if attempt == self._retries:
                    raise
                # At random, so that clients do not all come back at once.
                longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
                time.sleep(longest * random.uniform(0.5, 1))


def _transport(address):
    # Not before a client is made: gRPC is not needed for exports.
    if "://" in address:
        from rstg_tf.serving.rest_transport import RestTransport

        return RestTransport
    from rstg_tf.serving.grpc_transport import GrpcTransport

    return GrpcTransport


def _check_inputs(signatures, signature, inputs):
    """A wrong input is named before it travels: a server tells wrong types by number only."""
    if signature not in signatures:
        known = sorted(name for name in signatures if not name.startswith("__"))
        raise ValueError(f"The model has the signatures {known}. Received: {signature!r}")
    specs = signatures[signature]
    if set(specs) != set(inputs):
        raise ValueError(
            f"{signature} takes the inputs {sorted(specs)}. Received: {sorted(inputs)}"
        )
    for name, value in inputs.items():
        spec = specs[name]
        kind = np.dtype(spec.dtype.as_numpy_dtype)
        if value.dtype != kind or not spec.shape.is_compatible_with(value.shape):
            raise ValueError(
                f"{name} must be {spec.dtype.name} of shape {spec.shape}. "
                f"Received: {value.dtype} of shape {value.shape}"
            )


def _answers(outputs):
    return [
        Answer(
            [(name.decode(), float(score)) for name, score in zip(names, scores, strict=True)],
            probabilities,
            logits,
        )
        for names, scores, probabilities, logits in zip(
            *(outputs[name] for name in ("classes", "scores", "probabilities", "logits")),
            strict=True,
        )
    ]
