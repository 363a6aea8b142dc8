"""What is kept of << m.plural >>."""

from __future__ import annotations

<% for line in model_imports.standard %>
<< line >>

<% endfor %>
<% for line in model_imports.third %>
<< line >>
<% endfor %>
<% if model_imports.own %>

<% for line in model_imports.own %>
<< line >>
<% endfor %>
<% endif %>


class << m.model >>(models.Model):
    """<< m.article|capitalize >> << m.words >>."""

<% for field in fields if field.kind == "choice" %>
    class << field.choices >>(models.TextChoices):
        """What << field.name >> may be."""

<% for member, value in field.words %>
        << member >> = "<< value >>"
<% endfor %>

<% endfor %>
<% for field in fields %>
<< field.definition >>
<% endfor %>
<% if not m.regular %>

    class Meta:
        verbose_name_plural = "<< m.plural >>"
<% endif %>

    def __str__(self) -> str:
<% if title %>
        return self.<< title.name >>
<% else %>
        return f"<< m.words|capitalize >> {self.pk}"
<% endif %>
