"""What the keeping of errors tells others."""

from django.dispatch import Signal

# Sent in the transaction that stores an occurrence, with `occurrence`, its `group`, `is_new` (the
# first of its kind) and `is_back` (the first after the group was resolved). What a receiver raises
# is logged, and undoes what that receiver wrote.
occurrence_stored = Signal()
