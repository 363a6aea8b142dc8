"""Piazza, the community site that ``vivace demo`` serves: a program like any user's, inside the package so that it is always there.

=============  ==================================================================================
``app.py``     puts the parts together: begin here
``models.py``  members, topics, posts, comments, votes, attachments, notices, lines of the chat
``forms.py``   what people may send
``pages/``     the handlers, a module for each part of the site
``templates``  what they show; ``static`` one style sheet and one script, for the chat
``content/``   writes what the site begins with, by a program: nobody ever said any of it
``served.py``  what ``vivace demo`` adds: the tables, that content, and members who go on by themselves
=============  ==================================================================================
"""
