from django.contrib.auth.models import AnonymousUser, User

from monitoring.roles import Role, role_of


def test_nobody_anonymous_or_inactive_has_a_role():
    assert role_of(AnonymousUser()) is Role.NOBODY
    assert role_of(User(is_superuser=True, is_active=False)) is Role.NOBODY


def test_superusers_are_administrators():
    assert role_of(User(is_superuser=True)) is Role.ADMINISTRATOR


def test_a_higher_role_includes_the_lower_ones():
    assert Role.ADMINISTRATOR > Role.OPERATOR > Role.VIEWER > Role.NOBODY
