"""Class-based views, shortcuts, flash messages and pagination for pages.

The names are loaded when they are first asked for: an app that only redirects loads no forms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.errors.nearest import lazy_names

if TYPE_CHECKING:
    from .base import View as View
    from .base import ViewHandler as ViewHandler
    from .dates import ArchiveIndexView as ArchiveIndexView
    from .dates import DateDetailView as DateDetailView
    from .dates import DateMixin as DateMixin
    from .dates import DayArchiveView as DayArchiveView
    from .dates import DayMixin as DayMixin
    from .dates import MonthArchiveView as MonthArchiveView
    from .dates import MonthMixin as MonthMixin
    from .dates import TodayArchiveView as TodayArchiveView
    from .dates import WeekArchiveView as WeekArchiveView
    from .dates import WeekMixin as WeekMixin
    from .dates import YearArchiveView as YearArchiveView
    from .dates import YearMixin as YearMixin
    from .detail import BaseDetailView as BaseDetailView
    from .detail import DetailView as DetailView
    from .detail import SingleObjectMixin as SingleObjectMixin
    from .detail import SingleObjectTemplateResponseMixin as SingleObjectTemplateResponseMixin
    from .editing import BaseCreateView as BaseCreateView
    from .editing import BaseDeleteView as BaseDeleteView
    from .editing import BaseFormView as BaseFormView
    from .editing import BaseUpdateView as BaseUpdateView
    from .editing import CreateView as CreateView
    from .editing import DeleteView as DeleteView
    from .editing import DeletionMixin as DeletionMixin
    from .editing import FormMixin as FormMixin
    from .editing import FormView as FormView
    from .editing import ModelFormMixin as ModelFormMixin
    from .editing import ProcessFormView as ProcessFormView
    from .editing import SuccessMessageMixin as SuccessMessageMixin
    from .editing import UpdateView as UpdateView
    from .flashes import Flash as Flash
    from .flashes import Flashes as Flashes
    from .flashes import flash as flash
    from .lists import BaseListView as BaseListView
    from .lists import ListView as ListView
    from .lists import MultipleObjectMixin as MultipleObjectMixin
    from .lists import MultipleObjectTemplateResponseMixin as MultipleObjectTemplateResponseMixin
    from .redirects import RedirectView as RedirectView
    from .resources import Resource as Resource
    from .resources import resource as resource
    from .shortcuts import get_list_or_404 as get_list_or_404
    from .shortcuts import get_object_or_404 as get_object_or_404
    from .shortcuts import redirect as redirect
    from .templated import ContextMixin as ContextMixin
    from .templated import TemplateResponseMixin as TemplateResponseMixin
    from .templated import TemplateView as TemplateView

_MODULES = {
    "base": "View ViewHandler",
    "dates": (
        "ArchiveIndexView DateDetailView DateMixin DayArchiveView DayMixin MonthArchiveView MonthMixin "
        "TodayArchiveView WeekArchiveView WeekMixin YearArchiveView YearMixin"
    ),
    "detail": "BaseDetailView DetailView SingleObjectMixin SingleObjectTemplateResponseMixin",
    "editing": (
        "BaseCreateView BaseDeleteView BaseFormView BaseUpdateView CreateView DeleteView DeletionMixin "
        "FormMixin FormView ModelFormMixin ProcessFormView SuccessMessageMixin UpdateView "
    ),
    "flashes": "Flash Flashes flash",
    "lists": "BaseListView ListView MultipleObjectMixin MultipleObjectTemplateResponseMixin",
    "redirects": "RedirectView",
    "resources": "Resource resource",
    "shortcuts": "get_list_or_404 get_object_or_404 redirect",
    "templated": "ContextMixin TemplateResponseMixin TemplateView",
}
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
