"""A client of TensorFlow Serving: videos, frames and streams to classes."""

import math
import os
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.shards.sequence_example import encode_image
from rstg_tf.data.videos import VideoLimits
from rstg_tf.prediction.predictor import ClassProbability, frames_of_clip
from rstg_tf.serving.answers import (
    check_outputs,
    check_probabilities,
    description_of,
    versions_of,
)
from rstg_tf.serving.connection import Certificates, Deadline, is_http
from rstg_tf.serving.errors import ServerUnavailable, WrongAnswer, wrong_answer

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0  # Seconds.


class Answer(NamedTuple):
    """What the server answered for one clip.

    Attributes:
        classes: list of `rstg_tf.prediction.ClassProbability`, the likeliest first.
        probabilities: float32 `[classes]`.
        logits: float32 `[classes]`.
    """

    classes: list[ClassProbability]
    probabilities: np.ndarray
    logits: np.ndarray


class Client:
    """Asks a model that `rstg_tf.serving.export_model` wrote.

    Frames are sent encoded: a JPEG has a tenth of the bytes of its pixels. Where the server can't
    be reached or is not ready the request is repeated, at growing intervals. What it answers is
    checked: types, shapes, and that probabilities are such.

    Args:
        model: name of the model on the server.
        address: `HOST:PORT` for gRPC, or `http://HOST:PORT`, `https://HOST:PORT` for REST, which
            goes straight to this host: no redirect is followed, no proxy asked.
        version: number of the version asked; by default the server's choice.
        label: label of the version asked, such as `"stable"`; not together with `version`.
        timeout: seconds that a method may wait for the server, repeats included; for `stream`, of
            each frame.
        retries: how often a request is repeated.
        jpeg_quality: 1 to 100; None sends PNG, without loss.
        tls: whether gRPC is encrypted; REST is by `https://`.
        ca_file: PEM file of the certificates that the server's is checked by; by default those of
            the system.
        cert_file: PEM file of the client's certificate, where the server asks for one.
        key_file: PEM file of its key.

    Raises:
        ValueError: an argument out of its range. From a request: `errors.RequestRefused`, with the
            server's message; `errors.WrongAnswer`, where what came is no answer of TensorFlow
            Serving; or an input of wrong name, type or rank, or too large a request, before it is
            sent.
        ConnectionError: from a request, after all retries: `errors.ServerUnavailable`; or
            `errors.NotTrusted`, by TLS.
        TimeoutError: from a request: `errors.ServerTimeout`.

    Example:
        >>> client = Client("interactions_rstg", "localhost:8500")
        >>> client.classify_video("pushing.webm").classes[0]
        ClassProbability(name='Pushing something from left to right', probability=0.97)
    """

    def __init__(
        self,
        model: str,
        address: str = "localhost:8500",
        version: int | None = None,
        label: str | None = None,
        timeout: float = 30.0,
        retries: int = 5,
        jpeg_quality: int | None = 90,
        tls: bool = False,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
    ) -> None:
        if version is not None and label is not None:
            raise ValueError(
                "A version is asked for by number or by label. "
                f"Received: version={version}, label={label!r}"
            )
        if not 0 < timeout < math.inf or retries < 0:
            raise ValueError(
                "`timeout` must be positive, `retries` 0 or more. "
                f"Received: timeout={timeout}, retries={retries}"
            )
        self.model = model
        self._timeout = timeout
        self._retries = retries
        self._jpeg_quality = jpeg_quality
        transport, encrypted = _transport(address, tls)
        certificates = Certificates(ca_file, cert_file, key_file)
        if not encrypted and any(certificates):
            raise ValueError(
                "Certificates are for TLS: `tls` of gRPC, or https:// in the address. "
                f"Received: {certificates} for {address}"
            )
        self._transport = transport(
            address, model, version, label, certificates if encrypted else None
        )
        self._signatures = self._description = None

    def __enter__(self) -> "Client":
        """Returns the client."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the connection."""
        self._transport.close()

    def states(self) -> dict[int, str]:
        """Asks for the versions of the model.

        Returns:
            Dict from number to state, such as `{3: "AVAILABLE"}`.
        """
        states = self._repeated(Deadline(self._timeout), self._transport.states)
        return versions_of(states, self._transport.address)

    def predict(self, signature: str, **inputs: ArrayLike) -> dict[str, np.ndarray]:
        """Asks a signature, see `rstg_tf.serving.signatures`.

        Args:
            signature: its name.
            inputs: arrays; encoded frames are bytes in an array of objects.

        Returns:
            Dict from name to array, whose numbers are finite.
        """
        return self._predict(Deadline(self._timeout), signature, inputs)

    def description(self) -> dict[str, Any]:
        """What clips the model takes.

        Returns:
            Dict: `frames`, `size`, `short_side`, `stride`, `channels` (int), `sampling` (str) and
            `labels` (list of str).
        """
        return self._described(Deadline(self._timeout))

    def classify_clips(self, clips: np.ndarray) -> list[Answer]:
        """Classifies clips by their pixels.

        Args:
            clips: uint8 `[B, T, H, W, C]`.

        Returns:
            List of B `Answer`.
        """
        return self._answers(Deadline(self._timeout), "classify", clips=clips)

    def classify_frames(self, frames: Iterable[bytes | np.ndarray]) -> Answer:
        """Classifies one clip by its frames, all of them.

        Args:
            frames: T JPEG or PNG files as bytes, or frames uint8 `[h, w, C]`.

        Returns:
            An `Answer`.
        """
        encoded = _strings([self._encoded(frame) for frame in frames])[None]
        return self._answers(Deadline(self._timeout), "predict_frames", frames=encoded)[0]

    def classify_video(
        self,
        video: str | os.PathLike,
        limits: VideoLimits = VideoLimits(),  # noqa: B008 - immutable.
    ) -> Answer:
        """Classifies a video by the frames that an evaluation would take of it.

        Args:
            video: path of a video file.
            limits: `VideoLimits` of the video.

        Returns:
            An `Answer`.

        Raises:
            ValueError: also a `VideoError`, where it is no video or a damaged one.
        """
        deadline = Deadline(self._timeout)
        clips = self._clips(deadline)
        left = deadline.left()
        frames = frames_of_clip(video, clips, limits)[2]
        encoded = [self._encoded(frame) for frame in frames]
        # Decoding the video does not count.
        deadline = Deadline(self._timeout, left)
        return self._answers(deadline, "predict_frames", frames=_strings(encoded)[None])[0]

    def stream(self, frames: Iterable[bytes | np.ndarray]) -> Iterator[Answer]:
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
            encoded = _strings([self._encoded(frame)])
            outputs = self.predict("step_encoded", frames=encoded, **state)
            yield self._told(outputs)[0]
            missing = sorted(set(state) - set(outputs))
            if missing:
                raise WrongAnswer(f"a step without the state {missing}", self._transport.address)
            state = {name: outputs[name] for name in state}

    def _predict(self, deadline, signature, inputs):
        if self._signatures is None:
            self._signatures = self._repeated(deadline, self._transport.signatures)
        inputs = {name: np.asarray(value) for name, value in inputs.items()}
        rows = _check_inputs(self._signatures, signature, inputs)
        specs = self._signatures[signature][1]
        outputs = self._repeated(deadline, self._transport.predict, signature, inputs, specs)
        check_outputs(outputs, specs, rows, self._transport.address)
        return outputs

    def _answers(self, deadline, signature, **inputs):
        return self._told(self._predict(deadline, signature, inputs))

    def _told(self, outputs):
        """List of `Answer`."""
        check_probabilities(outputs, self._transport.address)
        names = ("classes", "scores", "probabilities", "logits")
        return [
            Answer(
                [
                    ClassProbability(name.decode(), float(score))
                    for name, score in zip(*best, strict=True)
                ],
                probabilities,
                logits,
            )
            for *best, probabilities, logits in zip(*(outputs[name] for name in names), strict=True)
        ]

    def _described(self, deadline):
        if self._description is None:
            found = self._predict(deadline, "describe", {"rows": np.zeros(1, np.int64)})
            self._description = description_of(found, self._transport.address)
        return self._description

    def _clips(self, deadline):
        found = self._described(deadline)
        names = ("frames", "size", "short_side", "sampling", "stride")
        with wrong_answer("invalid clips", self._transport.address):
            return Clips(**{name: found[name] for name in names})

    def _encoded(self, frame):
        if isinstance(frame, bytes):
            return frame
        frame = np.asarray(frame)
        if frame.dtype != np.uint8 or frame.ndim != 3 or 0 in frame.shape:
            raise ValueError(
                "A frame must be a JPEG or PNG file as bytes, or uint8 [h, w, C]. "
                f"Received: {frame.dtype} of shape {frame.shape}"
            )
        if frame.shape[-1] not in (1, 3):
            raise ValueError(f"A frame has 1 or 3 channels. Received: shape {frame.shape}")
        return encode_image(frame, self._jpeg_quality)

    def _repeated(self, deadline, request, *arguments):
        """Asks again, at intervals that double, while no server is there."""
        for attempt in range(self._retries + 1):
            try:
                return request(*arguments, deadline)
            except ServerUnavailable:
                # At random, so that clients do not all come back at once.
                longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
                wait = longest * random.uniform(0.5, 1)
                if attempt == self._retries or wait >= deadline.left():
                    raise
                time.sleep(wait)


def _transport(address, tls):
    """The class of the transport, and whether it is encrypted."""
    # Not before a client is made: gRPC is not needed for exports.
    if not is_http(address):
        from rstg_tf.serving.grpc_transport import GrpcTransport

        return GrpcTransport, tls
    from rstg_tf.serving.rest_transport import RestTransport

    encrypted = address.lower().startswith("https:")
    if tls and not encrypted:
        raise ValueError(f"REST by TLS needs https:// in the address. Received: {address}")
    return RestTransport, encrypted


def _check_inputs(signatures, signature, inputs):
    """A wrong input is named before it travels: a server tells wrong types by number only.

    Returns:
        The length of the batch.
    """
    if signature not in signatures:
        raise ValueError(
            f"The model has the signatures {sorted(signatures)}. Received: {signature!r}"
        )
    specs = signatures[signature][0]
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
    return max((len(value) for value in inputs.values() if value.ndim), default=0)


def _strings(values):
    """An array of bytes; of bytes of one length, too."""
    array = np.empty(len(values), object)
    array[:] = values
    return array
