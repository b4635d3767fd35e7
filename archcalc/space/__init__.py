"""Design spaces: what is asked of many variants of a network, and the answers; beside `forward`, above `analysis`."""
