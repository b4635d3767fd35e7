"""The network in numpy: kernels, rules (operator → kernel), the plain forward pass, and weights.

The only room that imports numpy. Arrays have the batch first and the channels next, as torch has them: `(N, C, H, W)`.
"""
