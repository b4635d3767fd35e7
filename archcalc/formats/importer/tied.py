"""Matrices that some products take as they are and others turned, as autoencoders with tied weights have them."""

from archcalc.formats.importer.program import Program


def tied(program: Program) -> frozenset[str]:
    """The names of stored matrices that are multiplied by both ways.

    Layers share weights only where these are the same for both: here the matrix is a parameter of the network that
    products read, so that it is counted once.
    """
    roots = {
        name: (name, False)
        for name, tensor in program.tensors.items()
        if len(tensor.stored.shape) == 2 and tensor.trainable is not False
    }
    ways: dict[str, set[bool]] = {}
    for operation in program.operations:
        if operation.kind == "Transpose" and operation.inputs[:1] and operation.inputs[0] in roots:
            root, turned = roots[operation.inputs[0]]
            again = tuple(operation.attributes.get("perm") or (1, 0)) == (1, 0)
            roots |= dict.fromkeys(operation.outputs, (root, turned != again))
        elif operation.kind in ("MatMul", "Gemm") and operation.inputs[1:2] and operation.inputs[1] in roots:
            root, turned = roots[operation.inputs[1]]
            ways.setdefault(root, set()).add(turned != bool(operation.attributes.get("transB", 0)))
    return frozenset(root for root, both in ways.items() if len(both) == 2)
