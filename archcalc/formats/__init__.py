"""Foreign formats, one file each. What a format needs beyond numpy is imported when the format is used."""
