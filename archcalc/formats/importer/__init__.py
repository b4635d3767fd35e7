"""Models of other frameworks → our graph, in four steps that know nothing of each other's formats.

A frontend (`onnx_program`, `formats.torch_program`) gives a `Program`: ONNX's operators on named values. `lower` walks
it, computes what does not depend on the input, finds the batch in every value, and writes one or a few of our operators
for each of its own (`draft`). `patterns` puts back together what exporters took apart. `naming` gives the layers the
names of the modules they came from.
"""
