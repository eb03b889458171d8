"""Kokoro's parameters, read back out of the quantised ONNX file that packages ship.

The export kept PyTorch's names: as initialisers where a parameter went in unchanged, and as node paths such as
`/decoder/decoder/decode.0/conv1/Conv_quant` where the exporter computed something on the way. Weights that were
normalised in training arrive folded, so there is no weight norm to undo. What is stored here stays int8 with its
scale: a quarter of the size, and nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from voicepack.quantised import SCALE, ZERO_POINT

# ONNX orders the gates of an LSTM input, output, forget, cell; PyTorch orders them input, forget, cell, output.
_GATE_ORDER = (0, 2, 3, 1)
_WEIGHT_INPUT = {"ConvInteger": 1, "MatMulInteger": 1, "Conv": 1, "ConvTranspose": 1, "MatMul": 1}


def kokoro_tensors(onnx_model: bytes) -> dict[str, torch.Tensor]:
    """Return Kokoro's tensors under their PyTorch names, quantised ones with `.scale` and `.zero_point` beside them.

    Parameters: the bytes of `kokoro-v1.0.int8.onnx`.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(onnx_model).graph
    initialisers = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    tensors: dict[str, np.ndarray] = {}
    seen: set[str] = set()
    for node in graph.node:
        if node.op_type == "DynamicQuantizeLSTM":
            tensors |= _lstm(node, initialisers)
        elif node.op_type == "DequantizeLinear" and node.input[1].endswith(".weight_scale"):
            weight = node.input[1].removesuffix("_scale")
            tensors |= _quantised(
                _torch_name(weight), initialisers[f"{weight}_quantized"], initialisers[node.input[1]],
                initialisers[node.input[2]], np.asarray,
            )  # fmt: skip
        elif node.op_type in _WEIGHT_INPUT:
            weight = node.input[_WEIGHT_INPUT[node.op_type]]
            if weight in initialisers and weight not in seen:
                seen.add(weight)
                tensors |= _layer(node, weight, initialisers)
    for name, value in initialisers.items():
        if re.match(r"(encoder|decoder)\.", name) and not re.search(
            r"_(quantized|scale|zero_point|reshape_shape)$", name
        ):
            tensors.setdefault(_torch_name(name), value)
    # The STFT is a layer in the export and a function in PyTorch.
    return {name: torch.from_numpy(np.array(value)) for name, value in tensors.items() if ".stft." not in name}


def _layer(node: Any, weight: str, initialisers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Take the weight of a convolution or a linear layer. MatMul multiplies from the right: transposed in torch."""
    orient: Callable[[np.ndarray], np.ndarray] = np.transpose if node.op_type.startswith("MatMul") else np.asarray
    name = _torch_name(node.name) + ".weight"
    if not weight.endswith("_quantized"):
        return {name: orient(initialisers[weight])}
    scale = initialisers[weight.removesuffix("_quantized") + "_scale"]
    return _quantised(name, initialisers[weight], scale, initialisers[node.input[3]], orient)


def _quantised(
    name: str,
    value: np.ndarray,
    scale: np.ndarray,
    zero_point: np.ndarray,
    orient: Callable[[np.ndarray], np.ndarray],
) -> dict[str, np.ndarray]:
    """Store scale and zero point in a shape that broadcasts against the oriented weight (one row per output)."""
    shape = (-1,) + (1,) * (value.ndim - 1) if scale.ndim else ()
    return {
        name: orient(value),
        name + SCALE: scale.reshape(shape),
        name + ZERO_POINT: zero_point.reshape(shape),
    }


def _lstm(node: Any, initialisers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Take a bidirectional LSTM: weights `[2, inputs, 4 * hidden]`, biases `[2, 8 * hidden]`, scales `[2]`."""
    name = _torch_name(node.name)
    input_weight, hidden_weight, bias = (initialisers[node.input[index]] for index in (1, 2, 3))
    tensors: dict[str, np.ndarray] = {}
    for direction, suffix in enumerate(("_l0", "_l0_reverse")):
        for kind, weight, scale_index in (("ih", input_weight, 8), ("hh", hidden_weight, 10)):
            tensors |= _quantised(
                f"{name}.weight_{kind}{suffix}",
                _torch_gates(weight[direction].T),
                initialisers[node.input[scale_index]][direction],
                initialisers[node.input[scale_index + 1]][direction],
                np.asarray,
            )
        for kind, part in zip(("ih", "hh"), np.split(bias[direction], 2), strict=True):
            tensors[f"{name}.bias_{kind}{suffix}"] = _torch_gates(part)
    return tensors


def _torch_gates(value: np.ndarray) -> np.ndarray:
    gates = np.split(value, 4, axis=0)
    return np.concatenate([gates[index] for index in _GATE_ORDER], axis=0)


def _torch_name(onnx_name: str) -> str:
    """Translate an initialiser name or a node path: `/encoder/F0.1/conv1/Conv_quant` to `predictor.F0.1.conv1`."""
    if onnx_name.startswith("/"):
        scopes: list[str] = []
        for scope in onnx_name.strip("/").split("/")[:-1]:
            if scopes and scope.startswith(scopes[-1] + "."):  # a Sequential repeats itself: cnn.0/cnn.0.0
                scopes.pop()
            scopes.append(scope)
        onnx_name = ".".join(scopes)
    name = re.sub(r"^(encoder|decoder)\.", "", onnx_name)
    return re.sub(r"^(F0|N|F0_proj|N_proj|shared)(?=\.|$)", r"predictor.\1", name)
