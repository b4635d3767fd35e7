"""A network as the source of a program: scopes of names become classes or functions, those alike become one."""
