"""What the API returns, shown as tables where a notebook asks for HTML: a result and how it looks, one file each.

Rooms below know nothing of looks: what they return is given one here, by a subclass that adds nothing else but what its
table needs.
"""
