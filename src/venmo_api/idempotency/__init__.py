"""A retried money POST is answered with the bytes of the first answer."""
