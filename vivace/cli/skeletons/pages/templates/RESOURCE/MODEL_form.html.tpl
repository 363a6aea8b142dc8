{% extends << '"base.html"' if has_base else '["base.html", "vivace/base.html"]' >> %}
{% block title %}{% if object %}Edit {{ object }}{% else %}New << m.words >>{% endif %}{% endblock %}
{% block content %}
<div class="vv-medium">
<div class="vv-card">
<h1>{{ self.title() }}</h1>
<form method="post"<% if asked|selectattr("kind", "equalto", "file")|list %> enctype="multipart/form-data"<% endif %>>
{% csrf_token %}
{{ form }}
<div class="vv-actions">
<button>Save</button>
<a href="{% if object %}{{ url('<< m.one >>:detail', pk=object.pk) }}{% else %}{{ url('<< m.one >>:list') }}{% endif %}">Cancel</a>
</div>
</form>
</div>
</div>
{% endblock %}
