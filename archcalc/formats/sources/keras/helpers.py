"""Small classes and functions that a source holds where Keras has no layer, each written only where it is used.

They are texts, formatted as the rest of the source is; what they compute is held against our own kernels.
"""

_PADDED_CONV = '''\
class PaddedConv{rank}D(layers.Conv{rank}D):
    """A convolution with padding before and after on each axis, as `sides` say; a number stands for all of them."""

    def __init__(self, filters, kernel_size, sides, **options):
        super().__init__(filters, kernel_size, **options)
        self.sides = ((sides, sides),) * {rank} if isinstance(sides, int) else sides

    def compute_output_shape(self, shape):
        sizes = (size + sum(pair) for size, pair in zip(shape[1:-1], self.sides))
        return super().compute_output_shape((shape[0], *sizes, shape[-1]))

    def call(self, x):
        return super().call(ops.pad(x, ((0, 0), *self.sides, (0, 0))))
'''

_PADDED_DEPTHWISE = '''\
class PaddedDepthwiseConv{rank}D(layers.DepthwiseConv{rank}D):
    """A depthwise convolution with padding before and after on each axis; a number stands for all of them."""

    def __init__(self, kernel_size, sides, **options):
        super().__init__(kernel_size, **options)
        self.sides = ((sides, sides),) * {rank} if isinstance(sides, int) else sides

    def compute_output_shape(self, shape):
        sizes = (size + sum(pair) for size, pair in zip(shape[1:-1], self.sides))
        return super().compute_output_shape((shape[0], *sizes, shape[-1]))

    def call(self, x):
        return super().call(ops.pad(x, ((0, 0), *self.sides, (0, 0))))
'''

HELPERS: dict[str, str] = {
    **{f"PaddedConv{rank}D": _PADDED_CONV.format(rank=rank) for rank in (1, 2, 3)},
    **{f"PaddedDepthwiseConv{rank}D": _PADDED_DEPTHWISE.format(rank=rank) for rank in (1, 2)},
    "ConvTranspose": '''\
class ConvTranspose(layers.Layer):
    """A transposed convolution in groups, cropped as torch does: a convolution of the input with zeros in between."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides,
        padding,
        output_padding,
        dilation_rate,
        *,
        groups=1,
        use_bias=True,
        **options,
    ):
        super().__init__(**options)
        self.filters = filters
        self.kernel_size = kernel_size
        self.axes = tuple(zip(kernel_size, strides, padding, output_padding, dilation_rate))
        self.dilation_rate = dilation_rate
        self.groups = groups
        self.use_bias = use_bias

    def build(self, shape):
        kernel = (*self.kernel_size, self.filters // self.groups, shape[-1])
        self.kernel = self.add_weight(shape=kernel, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def compute_output_shape(self, shape):
        axes = zip(shape[1:-1], self.axes)
        sizes = ((n - 1) * s - 2 * p + d * (k - 1) + 1 + extra for n, (k, s, p, extra, d) in axes)
        return (shape[0], *sizes, self.filters)

    def call(self, x):
        rank, channels = len(self.axes), x.shape[-1]
        kernel = ops.flip(self.kernel, tuple(range(rank)))
        parts = [*self.kernel_size, self.filters // self.groups, self.groups, channels // self.groups]
        kernel = ops.transpose(ops.reshape(kernel, parts), (*range(rank), rank + 2, rank + 1, rank))
        kernel = ops.reshape(kernel, (*self.kernel_size, channels // self.groups, self.filters))
        sides, cuts = [(0, 0)], [slice(None)]
        for axis, (k, s, p, extra, d) in enumerate(self.axes, start=1):
            x = spread(x, axis, s)
            before, after = d * (k - 1) - p, d * (k - 1) - p + extra
            sides.append((max(before, 0), max(after, 0)))
            cuts.append(slice(-min(before, 0), min(after, 0) or None))
        x = ops.pad(x, (*sides, (0, 0)))[tuple(cuts)]
        x = ops.conv(x, kernel, 1, "valid", "channels_last", self.dilation_rate)
        return x + self.bias if self.use_bias else x


def spread(x, axis, step):
    """Zeros between the units of an axis, so that they are `step` apart."""
    if step == 1:
        return x
    size = x.shape[axis]
    x = ops.expand_dims(x, axis + 1)
    x = ops.concatenate([x, *[ops.zeros_like(x)] * (step - 1)], axis=axis + 1)
    shape = list(x.shape)
    shape[0] = -1
    shape[axis : axis + 2] = [size * step]
    x = ops.reshape(x, shape)
    return x[(slice(None),) * axis + (slice(0, (size - 1) * step + 1),)]
''',
    "sided": '''\
def sided(x, sides, value):
    """Padding before and after on each spatial axis, where less than none crops."""
    cuts = tuple(slice(-min(before, 0), min(after, 0) or None) for before, after in sides)
    pads = tuple((max(before, 0), max(after, 0)) for before, after in sides)
    pad = np.pad if isinstance(x, np.ndarray) else ops.pad
    return pad(x, ((0, 0), *pads, (0, 0)), constant_values=value)[(slice(None), *cuts)]
''',
    "max_pool": '''\
def max_pool(x, pool_size, strides, dilation):
    """A pooling whose windows read units that are `dilation` apart."""
    for axis, (k, s, d) in enumerate(zip(pool_size, strides, dilation), start=1):
        ends = x.shape[axis] - d * (k - 1)
        shifted = [x[(slice(None),) * axis + (slice(d * i, d * i + ends, s),)] for i in range(k)]
        x = functools.reduce(ops.maximum, shifted)
    return x
''',
    "avg_pool": '''\
def avg_pool(x, pool_size, strides, sides, beyond, counted):
    """A pooling with padding before and after on each axis: the sum of each window by how many of its units count.

    What is beyond never counts, and padding does where it is `counted`.
    """
    counts = np.ones(x.shape[1:-1], x.dtype)
    counts = np.pad(counts, sides, constant_values=float(counted))
    counts = np.asarray(sided(counts[np.newaxis, ..., np.newaxis], beyond, 0.0))
    x = sided(sided(x, sides, 0.0), beyond, 0.0)
    for axis, (k, s) in enumerate(zip(pool_size, strides), start=1):
        parts = [(slice(None),) * axis + (slice(i, i + x.shape[axis] - k + 1, s),) for i in range(k)]
        x = functools.reduce(ops.add, [x[part] for part in parts])
        counts = sum(counts[part] for part in parts)
    return x / counts
''',
    "lp_pool": '''\
def lp_pool(x, norm_type, pool_size, strides, sides):
    """The norm of each window, with zeros before and after on each axis, where less than none crops."""
    x = ops.power(sided(x, sides, 0.0), norm_type)
    for axis, (k, s) in enumerate(zip(pool_size, strides), start=1):
        parts = [(slice(None),) * axis + (slice(i, i + x.shape[axis] - k + 1, s),) for i in range(k)]
        x = functools.reduce(ops.add, [x[part] for part in parts])
    return x if norm_type == 1 else ops.power(x, 1 / norm_type)
''',
    "scaled_softplus": '''\
def scaled_softplus(x, *, beta=1.0, threshold=20.0):
    """log(1 + exp(beta·x))/beta, and x itself where beta·x is beyond the threshold."""
    return ops.where(beta * x > threshold, x, ops.softplus(beta * x) / beta)
''',
    "adaptive_pool": '''\
def adaptive_pool(x, output_size, reduce):
    """Bins axis by axis: bin i of o reads the units from i·n/o, rounded down, to (i + 1)·n/o, rounded up."""
    for axis, o in enumerate(output_size, start=1):
        n = x.shape[axis]
        bins = [(slice(None),) * axis + (slice(i * n // o, -(-(i + 1) * n // o)),) for i in range(o)]
        x = ops.concatenate([reduce(x[part], axis=axis, keepdims=True) for part in bins], axis=axis)
    return x
''',
    "local_response_norm": '''\
def local_response_norm(x, size, *, alpha=1e-4, beta=0.75, k=1.0):
    """x/(k + alpha/size·Σ x²)^beta with the sum over `size` neighbouring channels."""
    pads = ((0, 0),) * (len(x.shape) - 1) + ((size // 2, (size - 1) // 2),)
    squares = ops.pad(ops.square(x), pads)
    sums = functools.reduce(ops.add, [squares[..., i : i + x.shape[-1]] for i in range(size)])
    return x / (k + alpha / size * sums) ** beta
''',
    "channel_shuffle": '''\
def channel_shuffle(x, groups, *, axis=-1):
    """The channels of the groups dealt out in turn."""
    axis = axis % len(x.shape)
    before, channels, after = x.shape[1:axis], x.shape[axis], x.shape[axis + 1 :]
    x = ops.reshape(x, (-1, *before, groups, channels // groups, *after))
    x = ops.swapaxes(x, axis, axis + 1)
    return ops.reshape(x, (-1, *before, channels, *after))
''',
    "resize_linear": '''\
def resize_linear(x, size, *, align_corners=False):
    """From n to o units by axis: unit i lies between the two units that it is mixed of, at (i + 1/2)·n/o - 1/2, or with
    aligned corners at i·(n - 1)/(o - 1)."""
    for axis, o in enumerate(size, start=1):
        n, units = x.shape[axis], np.arange(o)
        places = units * (n - 1) / max(o - 1, 1) if align_corners else np.clip((units + 0.5) * n / o - 0.5, 0, n - 1)
        below = np.minimum(places.astype(int), n - 1)
        above = np.minimum(below + 1, n - 1)
        share = (places - below).reshape(-1, *[1] * (len(x.shape) - 1 - axis)).astype(x.dtype)
        x = ops.take(x, below, axis=axis) * (1 - share) + ops.take(x, above, axis=axis) * share
    return x
''',
    "resize_cubic": '''\
def resize_cubic(x, size, *, align_corners=False):
    """From n to o units by axis: unit i is mixed of the four units around (i + 1/2)·n/o - 1/2, or with aligned corners
    around i·(n - 1)/(o - 1), by the cubic kernel of Keys with a = -0.75."""
    for axis, o in enumerate(size, start=1):
        n, units, parts = x.shape[axis], np.arange(o), []
        places = units * (n - 1) / max(o - 1, 1) if align_corners else (units + 0.5) * n / o - 0.5
        for near in (-1, 0, 1, 2):
            unit = np.floor(places) + near
            d = abs(unit - places)
            share = np.where(d <= 1, (1.25 * d - 2.25) * d * d + 1, ((3.75 - 0.75 * d) * d - 6) * d + 3)
            share = share.reshape(-1, *[1] * (len(x.shape) - 1 - axis)).astype(x.dtype)
            parts.append(ops.take(x, np.clip(unit, 0, n - 1).astype(int), axis=axis) * share)
        x = sum(parts)
    return x
''',
    "LayerScale": '''\
class LayerScale(layers.Layer):
    """A learned factor for each channel, which has `behind` axes behind it."""

    def __init__(self, channels, *, behind=0, **options):
        super().__init__(**options)
        self.behind = behind
        self.gamma = self.add_weight(shape=(channels,), initializer="ones", name="gamma")

    def call(self, x):
        return x * ops.reshape(self.gamma, (-1, *[1] * self.behind))
''',
    "DropMean": '''\
class DropMean(layers.Layer):
    """The mean of its inputs; while it is trained, each is dropped with probability p, but never all."""

    def __init__(self, p, **options):
        super().__init__(**options)
        self.p = p

    def call(self, inputs, training=False):
        x = ops.stack(inputs)
        if not training:
            return ops.mean(x, axis=0)
        lots = keras.random.uniform((len(inputs),))
        kept = ops.cast(ops.logical_or(lots >= self.p, lots == ops.max(lots)), x.dtype)
        return ops.tensordot(kept / ops.sum(kept), x, axes=1)
''',
    "Parameter": '''\
class Parameter(layers.Layer):
    """A learned array that enters the network; it is called on any value for the size of the batch."""

    def __init__(self, shape, **options):
        super().__init__(**options)
        self.sizes = shape
        self.weight = self.add_weight(shape=shape, initializer="normal", name="weight")

    def compute_output_shape(self, shape):
        return (shape[0], *self.sizes)

    def call(self, x):
        return ops.broadcast_to(self.weight, (ops.shape(x)[0], *self.sizes))
''',
    "Constant": '''\
class Constant(layers.Layer):
    """Stored values that training leaves alone; it is called on any value for the size of the batch."""

    def __init__(self, shape, **options):
        super().__init__(**options)
        self.sizes = shape
        self.value = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="value")

    def compute_output_shape(self, shape):
        return (shape[0], *self.sizes)

    def call(self, x):
        return ops.broadcast_to(self.value, (ops.shape(x)[0], *self.sizes))
''',
    "Full": '''\
class Full(layers.Layer):
    """One number everywhere; it is called on any value for the size of the batch."""

    def __init__(self, shape, value, **options):
        super().__init__(**options)
        self.sizes = shape
        self.value = value

    def compute_output_shape(self, shape):
        return (shape[0], *self.sizes)

    def call(self, x):
        return ops.full((ops.shape(x)[0], *self.sizes), self.value, dtype=self.compute_dtype)
''',
    "RMSNorm": '''\
class RMSNorm(layers.Layer):
    """x/√(mean(x²) + epsilon) over some axes, times a factor; without an epsilon it is that of the type."""

    def __init__(self, axes, sizes, *, epsilon=None, scale=True, **options):
        super().__init__(**options)
        self.axes = axes
        self.epsilon = epsilon
        self.factor = self.add_weight(shape=sizes, initializer="ones", name="factor") if scale else None

    def call(self, x):
        epsilon = np.finfo(self.compute_dtype).eps if self.epsilon is None else self.epsilon
        x = x / ops.sqrt(ops.mean(ops.square(x), axis=self.axes, keepdims=True) + float(epsilon))
        if self.factor is None:
            return x
        return x * ops.reshape(self.factor, (*self.factor.shape, *[1] * (-1 - max(self.axes))))
''',
    "scaled_attention": '''\
def scaled_attention(query, key, value, added=None, *, scale, causal=False):
    """softmax(scale·q·kᵀ + what is added)·v; a causal mask hides the keys behind a query's own place."""
    scores = ops.matmul(query * scale, ops.swapaxes(key, -1, -2))
    if causal:
        scores = scores + np.triu(np.full(scores.shape[-2:], -np.inf, scores.dtype), 1)
    if added is not None:
        scores = scores + added
    return ops.matmul(ops.softmax(scores, axis=-1), value)
''',
    "pixel_shuffle": '''\
def pixel_shuffle(x, factor, *, mode="crd"):
    """Channels dealt out over squares of `factor` by `factor` places; `mode` says whether they come first or last."""
    _, channels, height, width = x.shape
    fewer = channels // factor**2
    if mode == "crd":
        x = ops.reshape(x, (-1, fewer, factor, factor, height, width))
        x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
    else:
        x = ops.reshape(x, (-1, factor, factor, fewer, height, width))
        x = ops.transpose(x, (0, 3, 4, 1, 5, 2))
    return ops.reshape(x, (-1, fewer, height * factor, width * factor))
''',
    "pixel_unshuffle": '''\
def pixel_unshuffle(x, factor, *, mode="crd"):
    """Squares of `factor` by `factor` places made channels: what undoes `pixel_shuffle`."""
    _, channels, height, width = x.shape
    height, width = height // factor, width // factor
    x = ops.reshape(x, (-1, channels, height, factor, width, factor))
    x = ops.transpose(x, (0, 1, 3, 5, 2, 4) if mode == "crd" else (0, 3, 5, 1, 2, 4))
    return ops.reshape(x, (-1, channels * factor**2, height, width))
''',
}
"""Name of a class or function → its source."""

KERNELS = frozenset(
    {
        *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Dense"),
        *("PaddedConv1D", "PaddedConv2D", "PaddedConv3D", "ConvTranspose"),
    }
)
"""Layers whose weights have outputs and inputs as their first axes with torch, and as their last with Keras."""

LOADING = """\
def load_weights(model, path):
    \"\"\"Give a model the arrays of an .npz file, which have archcalc's names and the axes of torch.\"\"\"
    arrays = {re.sub(r"\\W", "_", name): array for name, array in np.load(path).items()}
    for layer in model.layers:
        own = {key: arrays[f"{layer.name}_{key}"] for key in NAMES if f"{layer.name}_{key}" in arrays}
        values = converted(layer, own)
        layer.set_weights([value.reshape(weight.shape) for value, weight in zip(values, layer.weights)])


def converted(layer, own):
    \"\"\"The arrays of a layer with the axes of Keras, in its order.\"\"\"
"""

FROM_KERNELS = """\
    if isinstance(layer, KINDS):
        own["weight"] = np.moveaxis(own["weight"], (0, 1), (-1, -2))
"""

FROM_DEPTHWISE = """\
    if isinstance(layer, KINDS):
        weight = own["weight"].reshape(-1, layer.depth_multiplier, *layer.kernel_size)
        own["weight"] = np.moveaxis(weight, (0, 1), (-2, -1))
"""

FROM_ATTENTION = """\
    if isinstance(layer, layers.MultiHeadAttention):
        matrices = [*np.split(own["in_proj_weight"], 3), own["out_proj_weight"]]
        biases = [*np.split(own["in_proj_bias"], 3), own["out_proj_bias"]] if "in_proj_bias" in own else [None] * 4
        pairs = zip(matrices, biases)
        return [array for matrix, bias in pairs for array in (matrix.T, bias) if array is not None]
"""
