"""The command line: click parses, an analysis is called, a renderer writes. Nothing else happens here."""
