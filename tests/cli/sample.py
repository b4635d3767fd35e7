"""Networks that stand for the zoo where a test runs whole commands: of every family, none of thousands of layers."""

from archcalc.spec import zoo

SAMPLE = [
    "alexnet",
    "alexnet_2gpu",
    "alexnet_torchvision",
    "convnext_tiny",
    "densenet121",
    "fractalnet20",
    "googlenet",
    "inception_bottleneck",
    "lenet5",
    "mobilenet_v2",
    "nin_imagenet",
    "resnet18",
    "resnet20_cifar",
    "resnet50",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "vgg16",
    "vit_b_16",
]

assert set(SAMPLE) <= set(zoo.names())
