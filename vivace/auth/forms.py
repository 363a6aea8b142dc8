"""The forms of the account pages. Subclass one and hand it to ``auth_pages(forms={"login": …})`` to change it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from vivace.errors import InvalidMail, ValidationError
from vivace.forms import BooleanField, CharField, EmailField, Form, HiddenInput, PasswordInput
from vivace.http.redirect import MAX_TARGET
from vivace.mail.addresses import parse_address
from vivace.models.validators import EmailValidator

from .current import current_realm
from .passwords.rules import password_help_texts, validate_password
from .passwords.service import MAX_LENGTH as PASSWORD_MAX_LENGTH

EMAIL_MAX_LENGTH = 254


class _AccountForm(Form):
    """A form of ours: labels end without a colon."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **options})


def _email(label: str = "Email address", autocomplete: str = "username", **options: Any) -> EmailField:
    return EmailField(label=label, max_length=EMAIL_MAX_LENGTH, autocomplete=autocomplete, **options)


def _mailable(email: str) -> None:
    """Refuse what may be an address and cannot be written to: ``"a b"@example.com``, a name of 65 characters."""
    try:
        parse_address(email)
    except InvalidMail:
        raise ValidationError(EmailValidator.message, code="invalid") from None


def _reachable(label: str = "Email address", autocomplete: str = "username") -> EmailField:
    return _email(label, autocomplete, validators=[_mailable])


def _password(label: str, autocomplete: str) -> CharField:
    # blanks are part of a password, and how long one may be is the hasher's business, not that of a form
    return CharField(
        label=label,
        strip=False,
        max_length=PASSWORD_MAX_LENGTH,
        widget=PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class LoginForm(_AccountForm):
    """Address, password, and whether to be remembered."""

    email = _email()
    password = _password("Password", "current-password")
    remember = BooleanField(label="Stay logged in on this device", required=False)
    next = CharField(required=False, max_length=MAX_TARGET, widget=HiddenInput())


class NewPasswordForm(_AccountForm):
    """A password twice, checked by the app's rules against ``user``."""

    new_password1 = _password("New password", "new-password")
    new_password2 = _password("The same again", "new-password")

    def __init__(self, *args: Any, user: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user
        rules = Markup("").join(Markup("<li>{}</li>").format(text) for text in password_help_texts())
        self.fields["new_password1"].help_text = Markup("<ul>{}</ul>").format(rules) if rules else ""

    async def clean(self) -> dict[str, Any] | None:
        """Compare the two, and ask the rules."""
        first, second = (self.cleaned_data.get(f"new_password{each}") for each in (1, 2))
        if first and second and first != second:
            self.add_error(
                "new_password2", ValidationError("The two passwords are not the same.", code="mismatch")
            )
        if first:
            try:
                await validate_password(first, self.password_of())
            except ValidationError as error:
                self.add_error("new_password1", error)
        return self.cleaned_data

    def password_of(self) -> Any:
        """Return whom the password is for: rules compare it with their address and name."""
        return self.user


class SignupForm(_AccountForm):
    """The address alone: the password is chosen by the link that was mailed."""

    email = _reachable(autocomplete="email")
    next = CharField(required=False, max_length=MAX_TARGET, widget=HiddenInput())


class SignupPasswordForm(NewPasswordForm):
    """Address and password, where addresses are not confirmed (``auth.confirm_email`` off)."""

    email = _reachable()
    next = CharField(required=False, max_length=MAX_TARGET, widget=HiddenInput())
    field_order = ("email", "new_password1", "new_password2")

    def password_of(self) -> Any:
        """Return a user that is not stored."""
        return current_realm().user_model(email=self.cleaned_data.get("email", ""))


class PasswordForm(_AccountForm):
    """The password that somebody has, to prove that it is them."""

    password = _password("Your password", "current-password")


class PasswordChangeForm(NewPasswordForm):
    """The old password and a new one."""

    password = _password("Your present password", "current-password")
    field_order = ("password", "new_password1", "new_password2")


class EmailForm(_AccountForm):
    """The address of an account."""

    email = _reachable()


class EmailChangeForm(_AccountForm):
    """Another address, and the password."""

    email = _reachable("New email address", "email")
    password = _password("Your password", "current-password")


__all__ = [
    "EmailChangeForm",
    "EmailForm",
    "LoginForm",
    "NewPasswordForm",
    "PasswordChangeForm",
    "PasswordForm",
    "SignupForm",
    "SignupPasswordForm",
]
