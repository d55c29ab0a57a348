"""How the admin writes times: to the second and in the order in which they sort."""
