"""Pages of << m.plural >>: all, one, new, edit, delete."""

from __future__ import annotations

from vivace import Router<< ", models" if owner >>
<% if has_auth %>
from vivace.auth import signed_in
<% endif %>
from vivace.views import CreateView, DeleteView, DetailView, ListView, SuccessMessageMixin, UpdateView

<% set guards = ", guards=[signed_in]" if has_auth else "" %>
<% set fks = fields|selectattr("kind", "equalto", "fk")|map(attribute="name")|list %>
from .forms import << m.model >>Form
from .models import << m.model >>

pages = Router("/<< m.path >>", name="<< m.one >>")


@pages.route("", name="list")
class << m.model >>List(ListView[<< m.model >>]):
    """All << m.plural >>, the newest first."""

<% if fks %>
    queryset = << m.model >>.objects.select_related(<% for name in fks %>"<< name >>"<< ", " if not loop.last >><% endfor %>)
<% else %>
    model = << m.model >>
<% endif %>
    ordering = "-pk"
    paginate_by = 20


@pages.route("/new", name="create"<< guards >>)
class << m.model >>Create(SuccessMessageMixin, CreateView[<< m.model >>]):
    """A new << m.words >><< ", of who is signed in" if owner >>."""

    model = << m.model >>
    form_class = << m.model >>Form
    success_url = "/<< m.path >>/{id}"
    success_message = "The << m.words >> was saved."
<% if owner %>

    async def save_form(self, form: << m.model >>Form) -> << m.model >>:
        """Save it as that of who is signed in."""
<% for field in owners %>
        form.instance.<< field.name >> = await self.request.user()
<% endfor %>
        saved: << m.model >> = await super().save_form(form)
        return saved
<% endif %>


@pages.route("/{pk:int}", name="detail")
class << m.model >>Detail(DetailView[<< m.model >>]):
    """One << m.words >>."""

    model = << m.model >>


@pages.route("/{pk:int}/edit", name="edit"<< guards >>)
class << m.model >>Update(SuccessMessageMixin, UpdateView[<< m.model >>]):
    """Change << m.article >> << m.words >><< ": only whose it is may" if owner >>."""

    model = << m.model >>
    form_class = << m.model >>Form
    success_url = "/<< m.path >>/{id}"
    success_message = "The << m.words >> was saved."
<% if owner %>

    async def get_object(self, queryset: models.QuerySet[<< m.model >>] | None = None) -> << m.model >>:
        """Find it among those of who is signed in."""
        return await super().get_object(<< m.model >>.objects.filter(<< owner.name >>=await self.request.user()))
<% endif %>


@pages.route("/{pk:int}/delete", name="delete"<< guards >>)
class << m.model >>Delete(SuccessMessageMixin, DeleteView[<< m.model >>]):
    """Ask, then delete << m.article >> << m.words >><< ": only whose it is may" if owner >>."""

    model = << m.model >>
    success_url = "<< m.one >>:list"
    success_message = "The << m.words >> was deleted."
<% if owner %>

    async def get_object(self, queryset: models.QuerySet[<< m.model >>] | None = None) -> << m.model >>:
        """Find it among those of who is signed in."""
        return await super().get_object(<< m.model >>.objects.filter(<< owner.name >>=await self.request.user()))
<% endif %>
