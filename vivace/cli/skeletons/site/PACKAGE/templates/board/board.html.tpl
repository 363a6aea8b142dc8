{% extends "base.html" %}
{% block content %}
<h1><< title >></h1>
<p class="vv-muted">Open this page in two windows: what is pinned in one hangs in the other at once.</p>
{% if user.is_authenticated %}
<form method="post" action="{{ url('home') }}" class="vv-card">
{% csrf_token %}
{{ form }}
<div class="vv-actions"><button>Pin it</button></div>
</form>
{% else %}
<p class="vv-card"><a href="{{ url('auth:login') }}?next=/">Log in</a> or <a href="{{ url('auth:signup') }}">sign up</a> to pin a note.</p>
{% endif %}
<h2>On the board</h2>
{% live %}
<ul class="notes">
{% for note in notes %}
<li id="note-{{ note.pk }}"><p>{{ note.text }}</p><p class="vv-muted">{{ note.author.name or "A member" }}, <time datetime="{{ note.pinned.isoformat() }}">{{ note.pinned|date("j F Y, H:i") }}</time></p></li>
{% else %}
<li class="vv-muted">Nothing yet.</li>
{% endfor %}
</ul>
{% endlive %}
{% endblock %}
