"""Weights in files: mapped, not read; their values are looked at when they are asked for."""
