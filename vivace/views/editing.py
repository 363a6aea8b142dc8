"""Forms and the objects they make, change and delete.

A form that is not valid is shown again with status 422, so that a client, a test or a script knows without reading the
page that nothing was saved; browsers show it like any other page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vivace.errors import ProtectedError, RestrictedError, ValidationError
from vivace.errors.views import BadView
from vivace.http.request import Request
from vivace.models import Model

from .base import View, has_own, resolved
from .detail import M, SingleObjectMixin, SingleObjectTemplateResponseMixin
from .flashes import flash
from .shortcuts import redirect
from .templated import ContextMixin, TemplateResponseMixin

if TYPE_CHECKING:
    from vivace.forms import BaseForm

FORM_INVALID: int = 422


class FormMixin(ContextMixin):
    """Shows and takes a form of ``form_class``; when it is valid, leads to ``success_url`` (a URL or a route's name)."""

    initial: Mapping[str, Any] = {}
    form_class: type[Any] | None = None
    success_url: str | None = None
    prefix: str | None = None

    @classmethod
    def check_options(cls, given: Mapping[str, Any]) -> None:
        """Refuse a view that has no form, or leads nowhere."""
        super().check_options(given)
        if not cls.knows_form(given):
            raise _lacks(
                cls, "a form", "form_class or get_form_class()", f"{cls.__name__}.as_view(form_class=…)."
            )
        if not cls.knows_success_url(given):
            raise _lacks(
                cls, "where to go from a valid form", "success_url or get_success_url()", 'success_url = "/".'
            )

    @classmethod
    def knows_form(cls, given: Mapping[str, Any]) -> bool:
        """Say whether a view with these attributes has a form."""
        own = has_own(cls, "get_form_class", "get_form")
        return own or given.get("form_class", cls.form_class) is not None

    @classmethod
    def knows_success_url(cls, given: Mapping[str, Any]) -> bool:
        """Say whether a view with these attributes knows where to go from a valid form."""
        own = has_own(cls, "get_success_url", "form_valid")
        return own or bool(given.get("success_url", cls.success_url))

    def get_initial(self) -> dict[str, Any]:
        """Return what the form shows at first: a copy of ``initial``."""
        return dict(self.initial)

    def get_prefix(self) -> str | None:
        """Return the prefix of the names of fields."""
        return self.prefix

    def get_form_class(self) -> type[Any] | None:
        """Return the class of the form."""
        return self.form_class

    async def get_form(self, form_class: type[Any] | None = None) -> Any:
        """Return the form, with what was sent."""
        cls: Any = form_class or await resolved(self.get_form_class())
        if cls is None:
            raise _lacks(type(self), "a form", "form_class or get_form_class()")
        return cls(**await resolved(self.get_form_kwargs()))

    async def get_form_kwargs(self) -> dict[str, Any]:
        """Return what the form is made with: ``initial``, ``prefix``, and for POST and PUT the ``data`` that came."""
        kwargs: dict[str, Any] = {"initial": await resolved(self.get_initial()), "prefix": self.get_prefix()}
        if self.request.method in ("POST", "PUT"):
            kwargs["data"] = await self.request.form()  # it holds the files too
        return kwargs

    def get_success_url(self) -> str:
        """Return where to go when the form is valid: a URL, or the name of a route."""
        if not self.success_url:
            raise _lacks(type(self), "where to go from a valid form", "success_url or get_success_url()")
        return self.success_url

    async def form_valid(self, form: BaseForm) -> Any:
        """Answer a form that is valid."""
        return redirect(await resolved(self.get_success_url()))

    async def form_invalid(self, form: BaseForm) -> Any:
        """Answer a form that is not: show it again with its errors, status 422."""
        context = await resolved(self.get_context_data(form=form))
        return await resolved(self.render_to_response(context, status=FORM_INVALID))

    async def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the context with the ``form``."""
        if "form" not in kwargs:
            kwargs["form"] = await resolved(self.get_form())
        return await super().get_context_data(**kwargs)


class ModelFormMixin(FormMixin, SingleObjectMixin[M]):
    """Takes a form that makes or changes an object: of ``form_class``, else one with the ``fields`` of the model.

    ``success_url`` may name fields (``"/books/{id}/"``); without it, the object's ``get_absolute_url()`` is the place.
    """

    fields: Sequence[str] | str | None = None

    @classmethod
    def knows_form(cls, given: Mapping[str, Any]) -> bool:
        """Say whether a view with these attributes has a form; refuse two of them."""
        fields, form = (given.get(name, getattr(cls, name)) for name in ("fields", "form_class"))
        if fields is not None and form is not None:
            raise BadView(
                f"{cls.__name__} says twice what its form is.",
                expected="fields or form_class",
                got="both",
                fix="A form_class has its own Meta.fields: leave fields out.",
            )
        own = has_own(cls, "get_form_class", "get_form")
        if fields is None and form is None and not own:
            raise _lacks(cls, "the fields of its form", "fields or form_class", 'fields = ["title", "text"].')
        return True

    @classmethod
    def knows_success_url(cls, given: Mapping[str, Any]) -> bool:
        """Say whether a view with these attributes knows where to go from a valid form."""
        own = has_own(cls, "get_success_url", "form_valid")
        model = given.get("model", cls.model)
        form = given.get("form_class", cls.form_class)
        model = model if model is not None else getattr(getattr(form, "_meta", None), "model", None)
        known = model is None or hasattr(
            model, "get_absolute_url"
        )  # a queryset's or the form's: told when it is used
        return own or known or bool(given.get("success_url", cls.success_url))

    def get_form_class(self) -> type[Any]:
        """Return ``form_class``, else a form with ``fields`` of the model; made once for each class."""
        if self.form_class is not None:
            return self.form_class
        obj = getattr(self, "object", None)
        model: Any = self.model if self.model is not None else type(obj) if isinstance(obj, Model) else None
        if model is None:
            model = self.get_queryset().model
        if self.fields is None:
            raise _lacks(type(self), "the fields of its form", "fields or form_class")
        return form_class_of(type(self), model, self.fields)

    async def get_form_kwargs(self) -> dict[str, Any]:
        """Return what the form is made with: ``instance`` too."""
        kwargs = await super().get_form_kwargs()
        if hasattr(self, "object"):
            kwargs["instance"] = self.object
        return kwargs

    def get_success_url(self) -> str:
        """Return where to go when the object is saved: ``success_url`` with its values, else its own page."""
        if self.success_url:
            return (
                self.success_url.format(**vars(self.object)) if self.object is not None else self.success_url
            )
        address = getattr(self.object, "get_absolute_url", None)
        if address is None:
            name = type(self.object).__name__
            raise _lacks(
                type(self),
                "where to go from here",
                "success_url",
                f"Define get_absolute_url(self) in {name}.",
            )
        url: str = address()
        return url

    async def save_form(self, form: Any) -> Any:
        """Save the form and return the object; run by ``form_valid``."""
        return await form.save()

    async def form_valid(self, form: BaseForm) -> Any:
        """Save the object and go on."""
        self.object = await resolved(self.save_form(form))
        return await super().form_valid(form)


class ProcessFormView(View):
    """Shows the form on GET, takes it on POST."""

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Show the form."""
        context = await resolved(self.get_context_data())
        return await resolved(self.render_to_response(context))

    async def post(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Take the form."""
        form = await resolved(self.get_form())
        if not await form.is_valid():
            return await resolved(self.form_invalid(form))
        try:
            return await resolved(self.form_valid(form))
        except ValidationError:
            if not form.errors:
                raise
            # somebody took a unique value between the check and the write: the form says so
            return await resolved(self.form_invalid(form))

    async def put(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Take the form, as ``post`` does."""
        return await resolved(self.post(request, *args, **kwargs))

    if TYPE_CHECKING:  # from FormMixin, which stands before this class

        async def get_context_data(self, **kwargs: Any) -> dict[str, Any]: ...
        async def get_form(self, form_class: type[Any] | None = None) -> Any: ...
        async def form_valid(self, form: BaseForm) -> Any: ...
        async def form_invalid(self, form: BaseForm) -> Any: ...


class BaseFormView(FormMixin, ProcessFormView):
    """A form, left to ``render_to_response``."""


class FormView(TemplateResponseMixin, BaseFormView):
    """Shows a form by ``template_name`` and takes it."""


class BaseCreateView(ModelFormMixin[M], ProcessFormView):
    """A form for a new object, left to ``render_to_response``."""

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Show an empty form."""
        self.object = None
        return await super().get(request, *args, **kwargs)

    async def post(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Make the object."""
        self.object = None
        return await super().post(request, *args, **kwargs)


class CreateView(SingleObjectTemplateResponseMixin, BaseCreateView[M]):
    """Makes an object by a form: ``<app_label>/<model>_form.html``."""

    template_name_suffix = "_form"


class BaseUpdateView(ModelFormMixin[M], ProcessFormView):
    """A form for an object that there is, left to ``render_to_response``."""

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Show the object in a form."""
        self.object = await resolved(self.get_object())
        return await super().get(request, *args, **kwargs)

    async def post(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Change the object."""
        self.object = await resolved(self.get_object())
        return await super().post(request, *args, **kwargs)


class UpdateView(SingleObjectTemplateResponseMixin, BaseUpdateView[M]):
    """Changes an object by a form: ``<app_label>/<model>_form.html``."""

    template_name_suffix = "_form"


class DeletionMixin(SingleObjectMixin[M]):
    """Deletes an object and leads to ``success_url``, which may name its fields."""

    success_url: str | None = None

    @classmethod
    def check_options(cls, given: Mapping[str, Any]) -> None:
        """Refuse a view that leads nowhere once the object is gone."""
        super().check_options(given)
        if not cls.knows_success_url(given):
            raise _lacks(
                cls, "where to go when the object is gone", "success_url", 'success_url = "/books/".'
            )

    @classmethod
    def knows_success_url(cls, given: Mapping[str, Any]) -> bool:
        """Say whether a view with these attributes knows where to go when the object is gone."""
        return has_own(cls, "get_success_url") or bool(given.get("success_url", cls.success_url))

    def get_success_url(self) -> str:
        """Return where to go when the object is gone; its values are those it had."""
        if not self.success_url:
            raise _lacks(type(self), "where to go when the object is gone", "success_url")
        return self.success_url.format(**vars(self.object))

    async def delete_object(self) -> Any:
        """Delete the object and return the answer."""
        url = await resolved(self.get_success_url())
        await self.object.delete()
        return redirect(url)

    async def delete(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Delete the object."""
        self.object = await resolved(self.get_object())
        return await resolved(self.delete_object())


class BaseDeleteView(DeletionMixin[M], FormMixin, View):
    """A question before an object is deleted, left to ``render_to_response``; ``form_class`` may ask for more."""

    @classmethod
    def knows_form(cls, given: Mapping[str, Any]) -> bool:
        """It needs none."""
        return True

    async def get_form(self, form_class: type[Any] | None = None) -> Any:
        """Return the form, ``None`` where there is no ``form_class``."""
        cls = form_class or await resolved(self.get_form_class())
        return await super().get_form(cls) if cls is not None else None

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Ask whether the object should be deleted."""
        self.object = await resolved(self.get_object())
        context = await resolved(self.get_context_data(object=self.object))
        return await resolved(self.render_to_response(context))

    async def post(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Delete the object."""
        self.object = await resolved(self.get_object())
        form = await resolved(self.get_form())
        if form is not None and not await form.is_valid():
            return await resolved(self.form_invalid(form))
        try:
            return await resolved(self.form_valid(form))
        except (ProtectedError, RestrictedError) as error:
            return await self._held_back(form, error)

    async def form_valid(self, form: Any) -> Any:
        """Delete the object; ``form`` is ``None`` where there is no ``form_class``."""
        return await resolved(self.delete_object())

    async def _held_back(self, form: Any, error: ProtectedError | RestrictedError) -> Any:
        """Show which others need the object (409)."""
        held = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
        context = await resolved(self.get_context_data(form=form, protected_objects=list(held)))
        return await resolved(self.render_to_response(context, status=error.status))


class DeleteView(SingleObjectTemplateResponseMixin, BaseDeleteView[M]):
    """Asks, then deletes: ``<app_label>/<model>_confirm_delete.html``."""

    template_name_suffix = "_confirm_delete"


class SuccessMessageMixin(FormMixin):
    """Says ``success_message`` (``"%(title)s was saved."``) in the next page when the form is valid."""

    success_message: str = ""

    async def form_valid(self, form: BaseForm) -> Any:
        """Answer a valid form, and say so."""
        response = await super().form_valid(form)
        message = self.get_success_message(getattr(form, "cleaned_data", {}))
        if message:
            flash(self.request, message, "success")
        return response

    def get_success_message(self, cleaned_data: Mapping[str, Any]) -> str:
        """Return the text with the form's values."""
        return self.success_message % cleaned_data


def form_class_of(view: type[Any], model: Any, fields: Sequence[str] | str) -> type[Any]:
    """Return a model form with these fields; one for each view class, model and choice of fields."""
    from vivace.forms import modelform_factory  # views without model forms load none

    chosen = fields if isinstance(fields, str) else tuple(fields)
    made: dict[Any, type[Any]] = view.__dict__.get("_forms", {})
    form = made.get((model, chosen))
    if form is None:
        form = modelform_factory(model, fields=fields)
        view._forms = {**made, (model, chosen): form}
    return form


def _lacks(cls: type[Any], what: str, expected: str, fix: str = "") -> BadView:
    return BadView(f"{cls.__name__} does not say {what}.", expected=expected, got="neither", fix=fix)


__all__ = [
    "BaseCreateView",
    "BaseDeleteView",
    "BaseFormView",
    "BaseUpdateView",
    "CreateView",
    "DeleteView",
    "DeletionMixin",
    "FormMixin",
    "FormView",
    "ModelFormMixin",
    "ProcessFormView",
    "SuccessMessageMixin",
    "UpdateView",
]
