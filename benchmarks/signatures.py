"""The signatures of torch's modules and of Keras's layers, as tests hold exported sources against them.

    KERAS_BACKEND=torch python benchmarks/signatures.py > tests/reference_data/signatures.json

Needs torch and keras, whose versions stand in the table: for each module and layer the names of its parameters, and
which of them have a default; for torch also the attributes that every module has.
"""

import inspect
import json
from typing import Any

RANKED = (
    "Conv",
    "ConvTranspose",
    "MaxPool",
    "AvgPool",
    "AdaptiveMaxPool",
    "AdaptiveAvgPool",
    "BatchNorm",
    "InstanceNorm",
)
OF_TORCH = (
    *(f"{name}{rank}d" for name in RANKED for rank in (1, 2, 3)),
    *("Linear", "MultiheadAttention", "LayerNorm", "GroupNorm", "RMSNorm", "LocalResponseNorm", "ChannelShuffle"),
    *("ReLU", "ReLU6", "LeakyReLU", "PReLU", "Sigmoid", "Tanh", "GELU", "SiLU", "Hardsigmoid", "Hardswish", "Softmax"),
    *("ELU", "SELU", "CELU", "Softplus", "Softsign", "Mish", "Hardtanh", "LogSoftmax", "Threshold", "LPPool1d"),
    *("Dropout", "Identity", "Flatten", "Upsample", "PixelShuffle", "PixelUnshuffle", "LPPool2d", "LPPool3d"),
)
POOLED = ("MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling", "UpSampling")
OF_KERAS = (
    *(f"{name}{rank}D" for name in ("Conv", *POOLED) for rank in (1, 2, 3)),
    *(f"Conv{rank}DTranspose" for rank in (1, 2, 3)),
    *(
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "Dense",
        "MultiHeadAttention",
        "Activation",
        "Softmax",
        "ReLU",
        "LeakyReLU",
    ),
    *("PReLU", "ELU", "Dropout", "Identity", "Flatten", "Reshape", "Permute"),
    *("BatchNormalization", "LayerNormalization", "GroupNormalization"),
)


def signature(kind: Any) -> dict[str, bool]:
    """Parameter → whether it has a default; `*args` and `**kwargs` are left out."""
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return {p.name: p.default is not p.empty for p in parameters if p.kind in plain}


def main() -> None:
    import keras
    import torch

    table = {
        "source": f"torch {torch.__version__}, keras {keras.__version__}; written by benchmarks/signatures.py",
        "torch": {name: signature(getattr(torch.nn, name)) for name in OF_TORCH},
        "attributes": sorted(name for name in dir(torch.nn.Module()) if not name.startswith("__")),
        "keras": {name: signature(getattr(keras.layers, name)) for name in OF_KERAS},
    }
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
