"""Small ONNX models whose answers are known, with their cards."""

import hashlib
from pathlib import Path

import onnx
import yaml
from onnx import TensorProto, helper

WANTED = {"role": "FLAIR", "spacing_mm": [2, 2, 2], "orientation": "RAS", "normalisation": "white_matter"}


def above(cut: float, steepness: float = 50.0) -> onnx.ModelProto:
    """Two channels: 0 is nothing, 1 is a step of the signal at `cut`."""
    nodes = [
        helper.make_node("Sub", ["volume", "cut"], ["over"]),
        helper.make_node("Mul", ["over", "steepness"], ["sharp"]),
        helper.make_node("Sigmoid", ["sharp"], ["bright"]),
        helper.make_node("Sub", ["one", "bright"], ["dark"]),
        helper.make_node("Concat", ["dark", "bright"], ["classes"], axis=1),
    ]
    numbers = {"cut": cut, "steepness": steepness, "one": 1.0}
    return _model(nodes, {name: [value] for name, value in numbers.items()})


def endless(rounds: int = 10**9) -> onnx.ModelProto:
    """A loop that nobody waits for."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["on_out"]),
            helper.make_node("Sin", ["state"], ["state_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("n", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state_out", TensorProto.FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["rounds", "", "volume"], ["classes"], body=body)
    count = helper.make_tensor("rounds", TensorProto.INT64, [], [rounds])
    return _finished([loop], [count])


def greedy(gigabytes: int = 64) -> onnx.ModelProto:
    """Asks for more memory than there is."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["much"]),
        helper.make_node("ReduceSum", ["much"], ["sum"], keepdims=0),
        helper.make_node("Add", ["volume", "sum"], ["classes"]),
    ]
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [gigabytes, 256 * 1024**2])
    return _finished(nodes, [shape])


def flat() -> onnx.ModelProto:
    """Loses its axes."""
    nodes = [helper.make_node("ReduceMean", ["volume"], ["classes"], keepdims=0)]
    return _finished(nodes, [])


def installed_model(folder: Path, model: onnx.ModelProto, **changes: object) -> Path:
    """Write a model and its card into a folder of its own; returns the card's path."""
    folder.mkdir(parents=True)
    weights = model.SerializeToString()
    (folder / "model.onnx").write_bytes(weights)
    card = {
        "name": folder.name,
        "version": "7",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "licence": "CC0-1.0",
        "engine": "lesion",
        "weights": "model.onnx",
        "input": WANTED,
        "output": {"classes": ["background", "lesion"], "probability_of": "lesion", "threshold": 0.5},
    }
    card.update(changes)
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in card.items() if value is not None}))
    return path


def _model(nodes: list[onnx.NodeProto], numbers: dict[str, list[float]]) -> onnx.ModelProto:
    tensors = [helper.make_tensor(name, TensorProto.FLOAT, [1], value) for name, value in numbers.items()]
    return _finished(nodes, tensors)


def _finished(nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]) -> onnx.ModelProto:
    volume = helper.make_tensor_value_info("volume", TensorProto.FLOAT, [1, 1, "k", "j", "i"])
    answer = helper.make_tensor_value_info("classes", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "small", [volume], [answer], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
