<% from "value.macro" import value, linked %>
{% extends << '"base.html"' if has_base else '["base.html", "vivace/base.html"]' >> %}
{% block title %}{{ object }}{% endblock %}
{% block content %}
<h1>{{ object }}</h1>
<dl>
<% for field in fields if not title or field.name != title.name %>
<dt><< field.label >></dt>
<dd><< value(field, "object") >></dd>
<% endfor %>
</dl>
<div class="vv-actions">
<% if owner %>
{% if user == object.<< owner.name >> %}
<% elif has_auth %>
{% if user.is_authenticated %}
<% endif %>
<a class="vv-button" href="{{ url('<< m.one >>:edit', pk=object.pk) }}">Edit</a>
<a class="vv-button vv-danger vv-quiet" href="{{ url('<< m.one >>:delete', pk=object.pk) }}">Delete</a>
<% if has_auth %>
{% endif %}
<% endif %>
<a href="{{ url('<< m.one >>:list') }}">All << m.plural >></a>
</div>
{% endblock %}
