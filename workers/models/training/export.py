"""Boosted trees of scikit-learn as an ONNX graph: the trees' sum, then the logistic function.

Written by hand because skl2onnx 1.20 cannot write trees with the current onnx; there is little to it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper

OPSETS = (helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3))
IR_VERSION = 8


def onnx_of(model: Any, columns: int) -> bytes:
    """The serialised graph of a fitted binary HistGradientBoostingClassifier: (n, columns) to (n, 1) probabilities."""
    trees = [stage[0].nodes for stage in model._predictors]  # noqa: SLF001 - there is no public way to the trees
    baseline = float(np.asarray(model._baseline_prediction).reshape(-1)[0])  # noqa: SLF001
    nodes = [node for number, tree in enumerate(trees) for node in _nodes(number, tree)]
    leaves = [(number, index, float(tree[index]["value"])) for number, tree in enumerate(trees)
              for index in range(len(tree)) if tree[index]["is_leaf"]]  # fmt: skip
    names = ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")
    forest = helper.make_node(
        "TreeEnsembleRegressor",
        ["rows"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=[baseline],
        aggregate_function="SUM",
        post_transform="NONE",
        target_treeids=[tree for tree, _, _ in leaves],
        target_nodeids=[node for _, node, _ in leaves],
        target_ids=[0] * len(leaves),
        target_weights=[weight for _, _, weight in leaves],
        **{
            f"nodes_{name}": list(values)
            for name, values in zip(names, zip(*nodes, strict=True), strict=True)
        },
    )
    graph = helper.make_graph(
        [forest, helper.make_node("Sigmoid", ["score"], ["probability"])],
        "boosted_trees",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])],
    )
    proto = helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)
    checker.check_model(proto)
    weights: bytes = proto.SerializeToString()
    return weights


def _nodes(tree: int, nodes: Any) -> Iterator[tuple[int, int, str, int, float, int, int]]:
    """Tree, node, kind, feature, threshold, and the nodes for `feature <= threshold` and else."""
    for index, node in enumerate(nodes):
        if node["is_leaf"]:
            yield tree, index, "LEAF", 0, 0.0, 0, 0
        else:
            cut = _not_above(float(node["num_threshold"]))
            yield (
                tree,
                index,
                "BRANCH_LEQ",
                int(node["feature_idx"]),
                cut,
                int(node["left"]),
                int(node["right"]),
            )


def _not_above(cut: float) -> float:
    """The highest float32 that is no higher: then float32 features fall on the same side as in training."""
    nearest = np.float32(cut)
    return float(nearest if float(nearest) <= cut else np.nextafter(nearest, np.float32(-np.inf)))
