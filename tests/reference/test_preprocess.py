"""`preprocess` of the zoo against torchvision's own transforms, to the last bit: where torchvision is installed."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from archcalc.forward.image import image_input, prepare
from archcalc.network import load
from archcalc.spec import zoo

torch = pytest.importorskip("torch")
models = pytest.importorskip("torchvision").models

NAMES = {"alexnet_torchvision": "alexnet", "googlenet_torchvision": "googlenet", "inception_v3_aux": "inception_v3"}
# Their published weights are loaded into models that change the input once more, which is no layer of ours.
CHANGED = ("googlenet", "inception_v3")
# No weights of torchvision's are for these; they take over what the network they are a variant of says.
VARIANTS = {"densenet264", "lenet5_digits", "regnet_x_400mf_pycls", "resnet34_a", "vgg11_lrn", "vgg16_c"}
VARIANTS |= {"resnet50_v1", "resnet101_v1", "resnet152_v1", "se_resnet50", "se_resnet50_v1", "resnext101_32x4d"}
SAYING = [name for name in zoo.names() if load(name).spec.preprocess]


def photo(size: tuple[int, int]) -> Image.Image:
    """Large patches of colour with soft edges between them."""
    values = np.random.default_rng(sum(size)).integers(0, 256, (9, 7, 3), np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("name", [name for name in SAYING if name not in VARIANTS])
def test_images_become_what_torchvision_makes_of_them(name: str, tmp_path: Path) -> None:
    """For the first weights that torchvision published of each network."""
    network, theirs = load(name), NAMES.get(name, name)
    transform = next(iter(models.get_model_weights(theirs))).transforms()
    for number, size in enumerate([(400, 300), (299, 450), (77, 100), (1024, 256)]):
        path = tmp_path / f"{number}.png"
        photo(size).save(path)
        with Image.open(path) as image:
            expected = transform(image)[np.newaxis]
        sample = image_input(network, path)
        if theirs in CHANGED:
            model = getattr(models, theirs)(init_weights=False, transform_input=True)
            assert sample == pytest.approx(model._transform_input(expected).numpy(), abs=1e-6)
        else:
            assert (sample == expected.numpy()).all()


def test_variants_are_none_of_torchvision() -> None:
    """So that none is left out above that could be compared."""
    assert set(SAYING) >= VARIANTS
    assert {*VARIANTS} & {*models.list_models()} == set()


@pytest.mark.parametrize("size", [(33, 57), (57, 33), (40, 40), (32, 200)])
def test_every_size(size: tuple[int, int]) -> None:
    """Sides rounded as they round them, and halves of pixels of the crop."""
    transforms = pytest.importorskip("torchvision").transforms
    preprocess = load("resnet18").spec.preprocess
    assert preprocess is not None
    for resize, crop in ((32, 32), (31, 28), (50, 33), (47, 46)):
        chosen = replace(preprocess, resize=resize, crop=crop)
        transform = transforms.Compose(
            [
                transforms.Resize(resize),
                transforms.CenterCrop(crop),
                transforms.ToTensor(),
                transforms.Normalize(chosen.mean, chosen.std),
            ]
        )
        assert (prepare(photo(size), chosen) == transform(photo(size))[np.newaxis].numpy()).all()
