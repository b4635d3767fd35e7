"""A network drawn: boxes for layers and folded scopes, frames for open ones, arrows for what flows; as text that
Graphviz and Mermaid lay out."""
