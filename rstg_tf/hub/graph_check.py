"""Which operations the graph of a SavedModel may have: those that compute, no others."""

from rstg_tf.text import printable

_OPERATIONS = """
    Abs Acos Acosh Add AddN AddV2 All Angle Any ApproximateEqual ArgMax ArgMin Asin Asinh Assert
    AssignAddVariableOp AssignSubVariableOp AssignVariableOp Atan Atan2 Atanh AvgPool AvgPool3D
    AvgPool3DGrad AvgPoolGrad BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpaceND BiasAdd
    BiasAddGrad Bincount Bitcast BroadcastArgs BroadcastGradientArgs BroadcastTo Bucketize Case
    Cast Ceil CheckNumericsV2 ClipByValue Concat ConcatOffset ConcatV2 Const Conv2D
    Conv2DBackpropFilter Conv2DBackpropInput Conv3D Conv3DBackpropFilterV2 Conv3DBackpropInputV2
    Cos Cosh CropAndResize Cross CudnnRNN CudnnRNNBackprop CudnnRNNBackpropV3
    CudnnRNNCanonicalToParams CudnnRNNParamsToCanonical CudnnRNNV2 CudnnRNNV3 Cumprod Cumsum
    DataFormatVecPermute DepthToSpace DepthwiseConv2dNative DepthwiseConv2dNativeBackpropFilter
    DepthwiseConv2dNativeBackpropInput Diag DiagPart Digamma DisableCopyOnRead DivNoNan
    DynamicPartition DynamicStitch Einsum Elu EluGrad Empty EnsureShape Equal Erf Erfc Exp
    ExpandDims Expm1 FakeQuantWithMinMaxVars Fill Floor FloorDiv FloorMod FusedBatchNorm
    FusedBatchNormGradV3 FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater
    GreaterEqual Identity IdentityN If Inv InvertPermutation IsFinite IsInf IsNan L2Loss LRN
    LeakyRelu LeakyReluGrad LeftShift Less LessEqual Lgamma LinSpace ListDiff Log Log1p
    LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul MatrixBandPart MatrixDiag MatrixDiagPart
    MatrixDiagPartV3 MatrixDiagV3 Max MaxPool MaxPool3D MaxPool3DGrad MaxPoolGrad MaxPoolV2
    Maximum Mean Min Minimum MirrorPad Mod Mul MulNoNan Multinomial Neg NoOp NotEqual OneHot
    OnesLike Pack Pad PadV2 ParallelDynamicStitch PartitionedCall Placeholder
    PlaceholderWithDefault Pow PreventGradient Prod Rank RandomStandardNormal RandomUniform
    RandomUniformInt Range ReadVariableOp RealDiv Reciprocal Relu Relu6 Relu6Grad ReluGrad
    Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ResourceGather
    ResourceScatterAdd ResourceStridedSliceAssign Reverse ReverseSequence ReverseV2 RightShift
    Rint Roll Round Rsqrt RsqrtGrad ScatterNd Select SelectV2 Selu SeluGrad Shape ShapeN Sigmoid
    SigmoidGrad Sign Sin Sinh Size Slice Snapshot Softmax Softplus SoftplusGrad Softsign
    SoftsignGrad SpaceToBatchND SpaceToDepth Split SplitV Sqrt SqrtGrad Square SquaredDifference
    Squeeze StatefulPartitionedCall StatelessCase StatelessIf StatelessRandomGetKeyCounter
    StatelessRandomNormalV2 StatelessRandomUniformIntV2 StatelessRandomUniformV2
    StatelessTruncatedNormalV2 StatelessWhile StopGradient StridedSlice StridedSliceGrad Sub Sum
    Tan Tanh TanhGrad TensorListConcatV2 TensorListElementShape TensorListFromTensor
    TensorListGather TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack
    TensorListReserve TensorListResize TensorListScatterV2 TensorListSetItem TensorListSplit
    TensorListStack TensorScatterAdd TensorScatterUpdate Tile TopKV2 Transpose TruncateDiv
    TruncateMod TruncatedNormal Unique UniqueV2 Unpack UnravelIndex UnsortedSegmentMax
    UnsortedSegmentMean UnsortedSegmentSum VarHandleOp VarIsInitializedOp VariableShape Where
    While Xdivy Xlog1py Xlogy ZerosLike
"""
# Of the two functions by which TensorFlow 1 would save and restore; TensorFlow 2 never calls them.
_OF_SAVERS = {
    "MergeV2Checkpoints",
    "RestoreV2",
    "SaveV2",
    "ShardedFilename",
    "StaticRegexFullMatch",
    "StringJoin",
}
_OBJECTS = """
    _generic_user_object _tf_keras_input_layer _tf_keras_layer _tf_keras_metric _tf_keras_model
    _tf_keras_network _tf_keras_rnn_layer _tf_keras_sequential experimentalOptimizer optimizer
    signature_map trackable_dict_wrapper trackable_list_wrapper trackable_tuple_wrapper
"""
_KINDS = ("user_object", "function", "bare_concrete_function", "variable", "asset", "constant")


def check(saved_model, path):
    """Checks that the graph only computes: no Python, no files, no network, no code of others.

    Otherwise raises a `ValueError` that names the operation or object, and the file `path`.
    """
    graphs = saved_model.meta_graphs
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        raise ValueError(
            "A SavedModel that Keras wrote must have one graph, with its objects. "
            f"Received: {len(graphs)} in {path}"
        )
    (graph,) = graphs
    _check_operations(graph, path)
    _check_objects(graph.object_graph_def.nodes, path)
    for asset in graph.asset_file_def:
        name = asset.filename
        if name in ("", ".", "..") or name != printable(name) or "/" in name or "\\" in name:
            raise _refused(f"the asset {name!r}", path)


def _check_operations(graph, path):
    """Checks all functions; savers may be there as long as nothing that runs calls them."""
    functions, savers = graph.graph_def.library.function, set()
    for function in functions:
        operations = {node.op for node in function.node_def}
        if operations & _OF_SAVERS:
            savers.add(function.signature.name)
        _check_listed(operations - _OF_SAVERS, path)
    # TensorFlow 2 runs functions of objects, not this graph, which calls the savers.
    _check_listed({node.op for node in graph.graph_def.node}, path)
    objects, library = graph.object_graph_def, graph.graph_def.library
    called = {*objects.concrete_functions}
    for node in objects.nodes:
        called.update(node.function.concrete_functions)
        called.add(node.bare_concrete_function.concrete_function_name)
    for function in functions:
        if function.signature.name not in savers:
            called |= _called_by(function.node_def)
    for gradient in (*library.gradient, *library.registered_gradients):
        called |= {getattr(gradient, "function_name", ""), gradient.gradient_func}
    for saver in sorted(called & savers):
        raise _refused(f"the function {saver}, which reads or writes files", path)


def _called_by(nodes):
    """Names of the functions that operations call."""
    names, waiting = set(), [value for node in nodes for value in node.attr.values()]
    while waiting:
        value = waiting.pop()
        for function in (value.func, *value.list.func):
            names.add(function.name)
            waiting += function.attr.values()
    return names


def _check_listed(operations, path):
    for operation in sorted(operations - {*_OPERATIONS.split()}):
        raise _refused(f"the operation {operation}", path)


def _check_objects(nodes, path):
    objects = _OBJECTS.split()
    for node in nodes:
        kind = node.WhichOneof("kind")
        if kind not in _KINDS:
            raise _refused(f"an object of the kind {kind}", path)
        if kind == "user_object" and node.user_object.identifier not in objects:
            raise _refused(f"the object {node.user_object.identifier}", path)
        if node.registered_name or node.registered_saver or node.saveable_objects:
            raise _refused(f"the object {node.registered_name or node.registered_saver}", path)


def _refused(what, path):
    return ValueError(
        "The graph of a model may compute only, not run code, read or write files: nothing of it "
        f"was loaded. Received: {printable(what)[:200]} in {path}"
    )
