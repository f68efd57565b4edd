"""ONNX surgery: shared initialisers, half-precision storage, and the merged decoder with its one `If`."""

import hashlib

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 14, 8
SMALL = 256  # elements: smaller constants are stored as they are


def lift_constants(graph: GraphProto) -> None:
    """Large `Constant` nodes become initialisers, so that they can be stored small and shared."""
    for node in [n for n in graph.node if n.op_type == "Constant"]:
        tensor = node.attribute[0].t
        if int(np.prod(tensor.dims)) > SMALL:
            graph.node.remove(node)
            tensor.name = node.output[0]
            graph.initializer.append(tensor)


def with_prefix(graph: GraphProto, prefix: str, keep: set[str]) -> None:
    """Renames every value and node but those in `keep`."""

    def renamed(name: str) -> str:
        return name if name == "" or name in keep else prefix + name

    for node in graph.node:
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
        node.name = prefix + node.name
    for tensor in graph.initializer:
        tensor.name = renamed(tensor.name)
    for value in (*graph.output, *graph.value_info):
        value.name = renamed(value.name)


def share_initializers(branches: list[GraphProto]) -> list[TensorProto]:
    """Moves the branches' initialisers out, equal ones once. -> the outer graph's initialisers"""
    shared: dict[str, TensorProto] = {}
    for graph in branches:
        names = {}
        for tensor in graph.initializer:
            array = numpy_helper.to_array(tensor)
            digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()[:16]
            names[tensor.name] = f"weight_{digest}"
            shared.setdefault(names[tensor.name], numpy_helper.from_array(array, names[tensor.name]))
        for node in graph.node:
            node.input[:] = [names.get(name, name) for name in node.input]
        del graph.initializer[:]
    return list(shared.values())


def store_small(graph: GraphProto) -> None:
    """Large initialisers are stored in the smallest type that holds them, and cast back; runtimes fold the casts at load.

    Floats become half precision unless they are whole numbers (factor matrices, tables of ids).
    """
    casts = []
    for tensor in [t for t in graph.initializer if int(np.prod(t.dims)) > SMALL]:
        array = numpy_helper.to_array(tensor)
        small = _smallest(array)
        if small is None:
            continue
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(array.astype(small), tensor.name + "_stored"))
        casts.append(
            helper.make_node(
                "Cast", [tensor.name + "_stored"], [tensor.name], to=tensor.data_type, name=tensor.name + "_cast"
            )
        )
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def _smallest(array: np.ndarray):
    whole = np.array_equal(array, np.round(array)) if array.dtype == np.float32 else array.dtype == np.int64
    if whole and array.min() >= 0 and array.max() < 256:
        return np.uint8
    if whole and -32768 <= array.min() and array.max() < 32768:
        return np.int16  # half precision would round whole numbers over 2048
    return np.float16 if array.dtype == np.float32 else None


def merge_decoder(prefill: ModelProto, step: ModelProto, inputs: list, outputs: list) -> ModelProto:
    """One graph, `use_cache_branch` choosing: then = one column with a cache, else = any number of columns without."""
    input_names = {value.name for value in inputs}
    branches = []
    for name, model in (("then_", step), ("else_", prefill)):
        lift_constants(model.graph)
        with_prefix(model.graph, name, input_names)
        del model.graph.input[:]
        del model.graph.value_info[:]
        branches.append(model.graph)
    initializers = share_initializers(branches)
    names = [value.name for value in outputs]
    choice = helper.make_node(
        "If", ["use_cache_branch"], names, name="use_cache", then_branch=branches[0], else_branch=branches[1]
    )
    graph = helper.make_graph([choice], "decoder_model_merged", inputs, outputs, initializers)
    store_small(graph)
    return finished(graph)


def finished(graph: GraphProto) -> ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="musicgen-micro")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def value(name: str, dims: list, element: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, dims)
