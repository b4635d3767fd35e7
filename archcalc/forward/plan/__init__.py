"""The fast forward pass: a network compiled to a flat list of numpy calls over one block of memory."""

from archcalc.forward.plan.plan import Plan, compile_plan

__all__ = ["Plan", "compile_plan"]
