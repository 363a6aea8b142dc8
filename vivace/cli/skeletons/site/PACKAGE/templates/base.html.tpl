<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{% block title %}<< title >>{% endblock %}</title>
<link rel="icon" href="{% static 'icon.svg' %}">
{% vivace_head %}
<link rel="stylesheet" href="{% static 'site.css' %}">
{% block head %}{% endblock %}
</head>
<body>
<a class="vv-skip" href="#content">Skip to the content</a>
<header class="site-header">
<a class="vv-brand" href="{{ url('home') }}"><< title >></a>
<nav aria-label="Site">
<ul>
<li><a href="{{ url('home') }}"{% if request.path == url('home') %} aria-current="page"{% endif %}>Board</a></li>
{% if user.is_authenticated %}
<li><a href="{{ url('auth:account') }}">{{ user.email }}</a></li>
<li><form method="post" action="{{ url('auth:logout') }}">{% csrf_token %}<button class="vv-link">Log out</button></form></li>
{% else %}
{% set wanted = {"next": request.query["next"]} if "next" in request.query else {} %}
<li><a href="{{ url('auth:login', query=wanted) }}">Log in</a></li>
<li><a href="{{ url('auth:signup', query=wanted) }}">Sign up</a></li>
{% endif %}
</ul>
</nav>
</header>
<main id="content" tabindex="-1">
<div role="status">
{% for flash in flashes %}{% if loop.first %}<ul class="vv-flashes">{% endif %}
<li class="vv-flash {{ flash.tags }}">{{ flash }}</li>
{% if loop.last %}</ul>{% endif %}{% endfor %}
</div>
{% block content %}{% endblock %}
</main>
<footer><p>Made with Vivace.</p></footer>
</body>
</html>
