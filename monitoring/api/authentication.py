"""Sign-in of programs by token."""

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from monitoring.models import ApiToken, digest_of

SCHEMES = (b"bearer", b"token")


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`, also `Token <token>`; other schemes are not its business."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token's user and the token.

        Raises `AuthenticationFailed` for a token that is malformed, unknown, expired or revoked
        or whose user may not sign in, without saying which.
        """
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() not in SCHEMES:
            return None
        digest = digest_of(secret.strip())
        token = ApiToken.objects.usable().select_related("user").filter(digest=digest).first()
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        token.note_use()
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 names as the way to sign in."""
        return "Bearer"
