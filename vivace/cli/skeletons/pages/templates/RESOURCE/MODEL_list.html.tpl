<% from "value.macro" import value, linked %>
<% set v = m.model|lower %>
{% extends << '"base.html"' if has_base else '["base.html", "vivace/base.html"]' >> %}
{% block title %}<< m.plural|capitalize >>{% endblock %}
{% block content %}
<h1><< m.plural|capitalize >></h1>
<p><a class="vv-button" href="{{ url('<< m.one >>:create') }}">New << m.words >></a></p>
<% if live %>
{% live %}
<% endif %>
{% if object_list %}
<div class="vv-scroll">
<table>
<thead>
<tr>
<% for field in columns %>
<th scope="col"<< ' class="vv-number"' if field.is_number >>><< field.label >></th>
<% else %>
<th scope="col"><< m.words|capitalize >></th>
<% endfor %>
</tr>
</thead>
<tbody>
{% for << v >> in object_list %}
<tr id="<< m.path >>-{{ << v >>.pk }}">
<% for field in columns %>
<% if loop.first %>
<td<< ' class="vv-number"' if field.is_number >>><a href="{{ url('<< m.one >>:detail', pk=<< v >>.pk) }}"><< linked(field, v, m) >></a></td>
<% else %>
<td<< ' class="vv-number"' if field.is_number >>><< value(field, v) >></td>
<% endif %>
<% else %>
<td><a href="{{ url('<< m.one >>:detail', pk=<< v >>.pk) }}">{{ << v >> }}</a></td>
<% endfor %>
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% else %}
<p class="vv-muted">There are no << m.plural >> yet.</p>
{% endif %}
{% include "vivace/pagination.html" %}
<% if live %>
{% endlive %}
<% endif %>
{% endblock %}
