"""Which classes the Keras metadata of a SavedModel may name."""

import tensorflow as tf

from rstg_tf import backbones, checked_json, layers, models  # noqa: F401  They register classes.
from rstg_tf.registry import BACKBONES, HEADS, load_plugins
from rstg_tf.text import printable

# Layers of Keras that hold numbers only: no Lambda, none of an operation by its name
# (TFOpLambda), none that reads a file (lookups of a vocabulary).
_LAYERS = """
    Activation Add AlphaDropout Attention Average AveragePooling1D AveragePooling2D
    AveragePooling3D BatchNormalization Bidirectional Concatenate Conv1D Conv1DTranspose Conv2D
    Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D
    Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Flatten
    Functional GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D GroupNormalization InputLayer InputSpec LSTM LSTMCell LayerNormalization
    LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum Model
    MultiHeadAttention Multiply Normalization PReLU Permute RNN ReLU RepeatVector Rescaling Reshape
    SeparableConv1D SeparableConv2D Sequential SimpleRNN SimpleRNNCell Softmax SpatialDropout1D
    SpatialDropout2D SpatialDropout3D StackedRNNCells Subtract SyncBatchNormalization
    TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
    ZeroPadding2D ZeroPadding3D
"""
_WEIGHTS = """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity L1 L1L2 L2 LecunNormal
    LecunUniform MaxNorm MinMaxNorm NonNeg Ones Orthogonal OrthogonalRegularizer RadialConstraint
    RandomNormal RandomUniform TruncatedNormal UnitNorm VarianceScaling Zeros
"""
# Of models that were trained and then saved.
_TRAINING = """
    Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy
    CategoricalHinge F1Score FBetaScore Hinge Huber KLDivergence LogCosh Mean MeanAbsoluteError
    MeanMetricWrapper MeanSquaredError Precision Recall SparseCategoricalAccuracy
    SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy Sum TopKCategoricalAccuracy
    Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl LossScaleOptimizer Nadam RMSprop SGD
    CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay
    PolynomialDecay
"""
_VALUES = "TensorShape TypeSpec Policy __tuple__ __ellipsis__ __bytes__"
_KERAS = frozenset(" ".join([_LAYERS, _WEIGHTS, _TRAINING, _VALUES]).split())
_TYPE_SPECS = ("tf.TensorSpec", "tf.RaggedTensorSpec", "tf.SparseTensorSpec")
_IDENTIFIERS = frozenset(
    f"_tf_keras_{kind}"
    for kind in ("layer", "input_layer", "rnn_layer", "metric", "model", "network", "sequential")
)
# Functions by name, which Keras looks up among its own; of a stranger's it would take any name.
_FUNCTIONS = """
    elu exponential gelu get hard_sigmoid linear log_softmax mish relu relu6 selu sigmoid silu
    softmax softplus softsign swish tanh
"""
_OURS = "rstg_tf>"


def check(metadata, path):
    """Checks that all classes in `keras_metadata.pb` are listed, without building one.

    Otherwise raises a `ValueError` that names the class and the file `path`.
    """
    if not metadata.nodes:
        raise ValueError(f"A SavedModel must be one that Keras wrote. Received: {path}, empty")
    allowed = _KERAS | _our_classes()
    for node in metadata.nodes:
        if node.identifier not in _IDENTIFIERS:
            raise ValueError(
                f"A SavedModel must hold layers and models of Keras only. "
                f"Received: {printable(repr(node.identifier))} in {path}"
            )
        form = {"class_name": str, "name": str}
        content = checked_json.parse(node.metadata, form, "The metadata of a layer", path)
        _check_all(content, allowed, path)


def _our_classes():
    """Names of the registered classes of this library, and of the user's own plug-ins."""
    registered = [registry.get(name) for registry in (BACKBONES, HEADS) for name in registry.list()]
    modules = {*load_plugins(), *(getattr(one, "func", one).__module__ for one in registered)}
    names = {
        name
        for name, known in tf.keras.utils.get_custom_objects().items()
        if name.startswith(_OURS) or getattr(known, "__module__", None) in modules
    }
    # Keras notes the plain name, too, in a model's own config; it must not stand for one of Keras.
    plain = {name.rpartition(">")[2] for name in names}
    return names | {name for name in plain if not hasattr(tf.keras.layers, name)}


def _check_all(content, allowed, path):
    waiting = [content]  # No recursion: how deep it is nested is a stranger's choice.
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            _check_object(value, allowed, path)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _check_object(value, allowed, path):
    for key in ("class_name", "registered_name"):
        name = value.get(key)
        if name is None and (key == "registered_name" or key not in value):
            continue
        # Keras calls its own optimizers so.
        if not isinstance(name, str) or name.removeprefix("Custom>") not in allowed:
            raise _refused(name, path)
    module = value.get("module")
    if module is not None and (not isinstance(module, str) or module.split(".")[0] != "keras"):
        raise _refused(f"{value.get('class_name')} of the module {module}", path)
    if value.get("class_name") == "TypeSpec" and value.get("type_spec") not in _TYPE_SPECS:
        raise _refused(value.get("type_spec"), path)
    for key in ("activation", "recurrent_activation"):
        function = value.get(key)
        is_layer = isinstance(function, dict) and "class_name" in function  # Checked by itself.
        if function is not None and function not in _FUNCTIONS.split() and not is_layer:
            raise _refused(function, path)


def _refused(name, path):
    return ValueError(
        "A model may hold layers of RSTG-TF and plain ones of Keras only, no code of its own: "
        f"nothing of it was loaded. Received: {printable(repr(name))[:200]} in {path}"
    )
