"""The colours of boxes by what they are: light enough for black text, apart in grey and for colour-blind readers."""

COLOURS = {
    "input": "#ffffff",
    "weights": "#cfe2f3",
    "window": "#fce5cd",
    "join": "#d9ead3",
    "scope": "#d9d2e9",
    "other": "#f3f3f3",
}
