"""The three groups of people who sign in, and who belongs to which."""

from enum import IntEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import prefetch_related_objects


class Role(IntEnum):
    """What a reader may do; a higher role includes the lower ones."""

    NOBODY = 0
    VIEWER = 1
    OPERATOR = 2
    ADMINISTRATOR = 3

    @property
    def group_name(self) -> str:
        """The name of the group whose members have this role."""
        return self.name.lower()


GROUP_ROLES = (Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR)
_ROLE_OF_GROUP = {role.group_name: role for role in GROUP_ROLES}


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role:
    """The highest role of `user`; superusers are administrators. One query for each user object."""
    if not isinstance(user, User) or not user.is_active:
        return Role.NOBODY
    if user.is_superuser:
        return Role.ADMINISTRATOR
    prefetch_related_objects([user], "groups")
    roles = (_ROLE_OF_GROUP.get(group.name, Role.NOBODY) for group in user.groups.all())
    return max(roles, default=Role.NOBODY)
