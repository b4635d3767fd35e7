"""Closed forms: a network whose numbers are expressions of chosen symbols."""
