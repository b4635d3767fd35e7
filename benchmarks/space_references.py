"""Numbers of random members of the design spaces, as torchvision and timm build them: tests/reference_data/spaces.json.

    PATH_TO_AN_ENVIRONMENT_WITH_TORCH/bin/python benchmarks/space_references.py > tests/reference_data/spaces.json

Nothing of archcalc is called. Parameters are counted on modules, MACs by `torch.utils.flop_counter` (FLOPs / 2), both
on the meta device, where weights have shapes and no values.
"""

import json
import random
import sys
from collections.abc import Callable
from typing import Any

import timm
import torch
import torchvision
from timm.models import regnet as timm_regnet
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import mobilenetv2, regnet, resnet, vgg

Vars = dict[str, Any]
chance = random.Random(2020)  # noqa: S311 - seeded, and nothing to hide


def totals(build: Callable[[], nn.Module], resolution: int) -> dict[str, int]:
    """Parameters and multiply-accumulates of a network for one image."""
    with torch.device("meta"):
        model = build().eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(1, 3, resolution, resolution))
    params = sum(parameter.numel() for parameter in model.parameters())
    return {"params": params, "macs": counter.get_total_flops() // 2}


def regnet_point() -> Vars:
    """A point of the paper's space, wide and narrow ones alike."""
    return {
        "w_0": 8 * chance.randint(1, 32),
        "w_a": round(chance.uniform(1, 256), 1),
        "w_m": round(chance.uniform(1.5, 3), 2),
        "d": chance.randint(2, 40),
        "group_width": chance.choice([1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64, 112]),
        "bottleneck": chance.choice([1, 1, 1, 0.5, 0.25]),
    }


def regnet_stages(point: Vars) -> Vars:
    """Widths, depths and group widths of the stages under both ways of fitting widths to groups."""
    by_torchvision = regnet.BlockParams.from_init_params(
        depth=point["d"],
        w_0=point["w_0"],
        w_a=point["w_a"],
        w_m=point["w_m"],
        group_width=point["group_width"],
        bottleneck_multiplier=point["bottleneck"],
    )
    blocks, _, groups = timm_regnet.generate_regnet(
        point["w_a"], point["w_0"], point["w_m"], point["d"], point["group_width"]
    )
    steps = sorted(set(blocks))
    widths, groups = timm_regnet.adjust_widths_groups_comp(steps, [point["bottleneck"]] * len(steps), groups)
    return {
        "vars": point,
        "torchvision": [by_torchvision.widths, by_torchvision.depths, by_torchvision.group_widths],
        "pycls": [widths, [blocks.count(step) for step in steps], groups],
    }


def regnet_totals() -> Vars:
    point = {**regnet_point(), "squeeze": chance.choice([0, 0.25]), "resolution": 32 * chance.randint(2, 7)}
    point["d"] = min(point["d"], 16)

    blocks = regnet.BlockParams.from_init_params(
        depth=point["d"],
        w_0=point["w_0"],
        w_a=point["w_a"],
        w_m=point["w_m"],
        group_width=point["group_width"],
        bottleneck_multiplier=point["bottleneck"],
        se_ratio=point["squeeze"] or None,
    )
    return {"vars": {**point, "fit": "torchvision"}, **totals(lambda: regnet.RegNet(blocks), point["resolution"])}


def timm_regnets() -> list[Vars]:
    """The published RegNetX and RegNetY models, with the widths of pycls."""
    found = []
    for name, config in timm_regnet.model_cfgs.items():
        published = name[:7] in ("regnetx", "regnety") and name[8:].isdigit() and int(name[8:]) <= 320
        if not published:
            continue
        point = {
            "w_0": config.w0,
            "w_a": config.wa,
            "w_m": config.wm,
            "d": config.depth,
            "group_width": config.group_size,
            "squeeze": config.se_ratio,
        }
        found.append({"name": name, "vars": point, **totals(lambda name=name: timm.create_model(name), 224)})
    return found


def vgg_totals() -> Vars:
    stages = chance.randint(2, 5)
    point = {
        "depths": [chance.randint(1, 4) for _ in range(stages)],
        "width": 8 * chance.randint(1, 16),
        "growth": chance.choice([1, 1.5, 2]),
        "widest": chance.choice([1, 4, 8]),
        "batchnorm": chance.random() < 0.5,
        "hidden": 64 * chance.randint(1, 64),
        "resolution": 32 * chance.randint(1, 7),
    }
    config: list[Any] = []
    for stage, depth in enumerate(point["depths"]):
        config += [int(point["width"] * min(point["growth"] ** stage, point["widest"]))] * depth + ["M"]

    def build() -> nn.Module:
        side, hidden = point["resolution"] // 2**stages, point["hidden"]
        head = (nn.Linear(config[-2] * side**2, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 1000))
        return nn.Sequential(vgg.make_layers(config, point["batchnorm"]), nn.Flatten(), *head)

    return {"vars": point, **totals(build, point["resolution"])}


def resnet_totals() -> Vars:
    basic = chance.random() < 0.3
    groups = 1 if basic else chance.choice([1, 1, 2, 8, 32, 64])
    point = {
        "block": "basic" if basic else "bottleneck",
        "depths": [chance.randint(1, 6) for _ in range(4)],
        "groups": groups,
        "width_per_group": 64 if basic else chance.choice([4, 8, 64, 128]) if groups > 1 else chance.choice([64, 128]),
        "resolution": 32 * chance.randint(1, 7),
    }

    def build() -> nn.Module:
        block = resnet.BasicBlock if basic else resnet.Bottleneck
        return resnet.ResNet(block, point["depths"], groups=groups, width_per_group=point["width_per_group"])

    return {"vars": point, **totals(build, point["resolution"])}


def scaled_resnet_totals() -> Vars:
    """Widths other than 64, 128, …: timm's ResNet takes them one by one; its stem keeps 64."""
    basic = chance.random() < 0.5
    width = chance.choice([0.25, 0.375, 0.5, 0.75, 1.125, 1.5, 2])
    planes = [int(64 * width) * 2**stage for stage in range(4)]  # all multiples of 8
    point = {
        "block": "basic" if basic else "bottleneck",
        "depths": [chance.randint(1, 4) for _ in range(4)],
        "width": width,
        "stem": 64,
        "resolution": 32 * chance.randint(1, 7),
    }

    def build() -> nn.Module:
        block = timm.models.resnet.BasicBlock if basic else timm.models.resnet.Bottleneck
        return timm.models.resnet.ResNet(block, point["depths"], channels=planes)

    return {"vars": point, **totals(build, point["resolution"])}


def mobilenet_totals() -> Vars:
    point = {
        "width": round(chance.uniform(0.1, 2), 2),
        "divisor": chance.choice([4, 8, 8, 16]),
        "expansion": chance.randint(1, 8),
        "first_expansion": chance.randint(1, 3),
        "depths": [chance.randint(1, 4) for _ in range(7)],
        "resolution": 32 * chance.randint(1, 7),
    }

    def build() -> nn.Module:
        rows = zip((16, 24, 32, 64, 96, 160, 320), point["depths"], (1, 2, 2, 2, 1, 2, 1), strict=True)
        setting = [[point["expansion"] if i else point["first_expansion"], *row] for i, row in enumerate(rows)]
        return mobilenetv2.MobileNetV2(
            width_mult=point["width"], inverted_residual_setting=setting, round_nearest=point["divisor"]
        )

    return {"vars": point, **totals(build, point["resolution"])}


def main() -> None:
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}"
    found = {
        "source": f"benchmarks/space_references.py: {versions}",
        "regnet_stages": [regnet_stages(regnet_point()) for _ in range(400)],
        "regnet": [regnet_totals() for _ in range(24)],
        "regnet_published": timm_regnets(),
        "vgg": [vgg_totals() for _ in range(24)],
        "resnet": [resnet_totals() for _ in range(24)] + [scaled_resnet_totals() for _ in range(12)],
        "mobilenet": [mobilenet_totals() for _ in range(30)],
    }
    parts = []
    for key, value in found.items():
        rows = value if isinstance(value, list) else [value]
        text = ",\n".join(f"  {json.dumps(row)}" for row in rows)
        parts.append(f"{json.dumps(key)}: {json.dumps(value) if isinstance(value, str) else f'[{chr(10)}{text}]'}")
    sys.stdout.write("{" + ",\n".join(parts) + "}\n")


if __name__ == "__main__":
    main()
