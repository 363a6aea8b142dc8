{% extends << '"base.html"' if has_base else '["base.html", "vivace/base.html"]' >> %}
{% block title %}Delete {{ object }}{% endblock %}
{% block content %}
<div class="vv-medium">
<div class="vv-card">
<h1>{{ self.title() }}</h1>
{% if protected_objects %}
<div class="vv-error-summary" role="alert">
<p>“{{ object }}” cannot be deleted: these need it.</p>
<ul>{% for other in protected_objects[:20] %}<li>{{ other }}</li>{% endfor %}</ul>
</div>
{% else %}
<p>“{{ object }}” will be deleted. There is no way back.</p>
<form method="post">
{% csrf_token %}
<div class="vv-actions">
<button class="vv-danger">Delete</button>
<a href="{{ url('<< m.one >>:detail', pk=object.pk) }}">Keep it</a>
</div>
</form>
{% endif %}
</div>
</div>
{% endblock %}
