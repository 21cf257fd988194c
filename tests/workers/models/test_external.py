"""A digest covers a model only if all of it lies in one file."""

import hashlib
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data

from tests.workers.models.models import above, endless, flat, greedy, installed_model
from workers.models.card import Engine, ModelRefused, read_card
from workers.models.external import DATA_LOCATION, EXTERNAL_DATA, WAYS, has_external_data
from workers.models.store import SHIPPED


def elsewhere() -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.ones(4, dtype=np.float32), "weights")
    set_external_data(tensor, "tensors.bin")
    tensor.ClearField("raw_data")
    return tensor


def as_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(elsewhere())


def as_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["weights"], value=elsewhere()))


def in_a_branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [], [elsewhere()])
    model.graph.node.append(helper.make_node("If", ["on"], ["x"], then_branch=branch, else_branch=branch))


def in_a_function(model: onnx.ModelProto) -> None:
    constant = helper.make_node("Constant", [], ["weights"], value=elsewhere())
    model.functions.append(helper.make_function("own", "f", [], ["weights"], [constant], []))


def sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(elsewhere())


def named_alone(model: onnx.ModelProto) -> None:
    """Not said to lie elsewhere, but with the place."""
    as_initializer(model)
    model.graph.initializer[-1].ClearField("data_location")


def said_alone(model: onnx.ModelProto) -> None:
    """Said to lie elsewhere, without the place."""
    as_initializer(model)
    model.graph.initializer[-1].ClearField("external_data")


@pytest.mark.parametrize(
    "put", [as_initializer, as_constant, in_a_branch, in_a_function, sparse, named_alone, said_alone]
)
def test_a_model_with_weights_in_another_file_is_refused(tmp_path, put: Callable[[onnx.ModelProto], None]):
    model = above(1.3)
    put(model)
    path = installed_model(tmp_path / "parts", model)
    (path.parent / "tensors.bin").write_bytes(bytes(16))
    with pytest.raises(ModelRefused, match=r"parts 7: model.onnx keeps weights in another file"):
        read_card(path)


@pytest.mark.parametrize("model", [above(1.3), endless(), greedy(), flat()])
def test_a_model_in_one_file_is_whole(model):
    assert not has_external_data(model.SerializeToString())


@pytest.mark.parametrize("engine", [Engine.VOXELS, Engine.PLANES])
def test_the_products_own_models_are_whole(engine):
    assert not has_external_data((SHIPPED[engine].parent / "model.onnx").read_bytes())


def test_a_word_that_is_no_place_of_data_does_not_matter():
    model = above(1.3)
    model.metadata_props.add(key="location", value="tensors.bin")
    assert not has_external_data(model.SerializeToString())


def test_a_model_that_was_cut_off_or_is_none_is_refused(tmp_path):
    whole = above(1.3).SerializeToString()
    for number, weights in enumerate((whole[:-7], b"\x0b", b"\xff" * 20, b"\x3a")):
        path = installed_model(tmp_path / str(number), above(1.3), sha256=hashlib.sha256(weights).hexdigest())
        (path.parent / "model.onnx").write_bytes(weights)
        with pytest.raises(
            ModelRefused, match=r"model.onnx is (an ONNX model that was cut off|no ONNX model)"
        ):
            read_card(path)


def held(field: int, content: bytes) -> bytes:
    """A field that holds bytes, as protobuf writes it."""
    size, sizes = len(content), b""
    while size >= 0x80:
        sizes, size = sizes + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([field << 3 | 2]) + sizes + bytes([size]) + content


def test_graphs_without_end_within_each_other_are_refused():
    graph = b""
    for _ in range(40):
        graph = held(1, held(5, held(6, graph)))
    with pytest.raises(ValueError, match="too many parts"):
        has_external_data(held(7, graph))


def test_every_way_to_a_tensor_that_onnx_knows_is_looked_at():
    tensor = onnx.TensorProto.DESCRIPTOR
    assert tensor.fields_by_number[EXTERNAL_DATA].name == "external_data"
    assert tensor.fields_by_number[DATA_LOCATION].name == "data_location"
    waiting, seen = [onnx.ModelProto.DESCRIPTOR], {}
    while waiting:
        one = waiting.pop()
        if seen.setdefault(one.name, one) is one:
            waiting += [
                f.message_type for f in one.fields if f.message_type and f.message_type.name not in seen
            ]
    leading = {"TensorProto"}
    for _ in seen:
        leading |= {
            n
            for n, one in seen.items()
            if any(f.message_type and f.message_type.name in leading for f in one.fields)
        }
    known = {
        name: {
            f.number: f.message_type.name
            for f in seen[name].fields
            if f.message_type and f.message_type.name in leading
        }
        for name in leading - {"TensorProto"}
    }
    assert known == WAYS
