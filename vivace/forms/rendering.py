"""The look of forms: the text of every element, and where templates take its place.

Class names, which ``vivace/vivace.css`` styles (``vv-`` names are ours, nothing else is set on a form's elements):

    vv-form            around a whole form, inside of <form>
    vv-error-summary   above the fields of a form that was refused: what is wrong, with links to the fields
    vv-field           around label, help, errors and element of one field: <div>, <fieldset>, <p>, <li> or <tr>
    vv-group           beside vv-field: a <fieldset> of several elements
    vv-check           beside vv-field: a single box to check, whose label stands behind it
    vv-invalid         beside vv-field: the field was refused
    vv-required        beside vv-field: the field must be filled in
    vv-label           <label> or <legend>
    vv-help            the help text
    vv-errors          <ul> of errors; with ``nonfield`` those that concern no single field
    vv-checks          around radio buttons or boxes, each in a <div>; vv-checks-group: a <fieldset> of some
    vv-parts           around the elements of a value in several parts
    vv-file            around a file that is stored: vv-file-now its link, vv-file-clear the box that removes it,
                       vv-file-new the element that replaces it

Theory. Everything is rendered from a *context* of plain values by name: ``vivace/forms/div.html``,
``vivace/forms/field.html``, ``vivace/forms/widgets/select.html`` …. For each of these names ``WRITERS`` has a function
that makes the text directly, and ``templates/`` a template that makes the same text (a test compares them for all fields
and states). The functions are what runs: a form of 20 fields takes a third of the time of the templates. The templates
are there to be copied, extended and included; a template of this name in the app's folder, or in one of an installed
package, is rendered instead of the function. So an override changes one element and costs only that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from vivace.errors import FormError, TemplateNotFound, nearest

from .html import Attrs, escaped

if TYPE_CHECKING:
    from jinja2 import Environment, Template

Context = dict[str, Any]
Write = Callable[[Context], str]

TEMPLATES: Final = str(Path(__file__).parent / "templates")
"""The folder of the templates that make the default look."""


class Renderer:
    """Renders forms, fields and widgets by the names of their templates.

    Without ``environment`` templates are those of the current app, if it has any. ``form_template_name`` and
    ``field_template_name`` choose another template for whole forms and for fields; ``bound_field_class`` another class
    for ``form["name"]``. ``direct=False`` renders the default look by its templates too, which is slower and the same.
    """

    form_template_name: str = "vivace/forms/div.html"
    field_template_name: str = "vivace/forms/field.html"
    bound_field_class: Any = None

    def __init__(self, environment: Environment | None = None, *, direct: bool = True) -> None:
        self.environment = environment
        self.direct = direct
        self._found: dict[str, Template | None] = {}  # no functions: they know the renderer, a circle

    def for_form(self) -> Renderer:
        """Return a renderer for one form, which looks for each template once."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._found = {}
        return twin

    def render(self, template_name: str, context: Context) -> Markup:
        """Return what the template of this name makes, or the function of its name. Raises ``FormError`` for neither."""
        return Markup(self.writer(template_name)(context))  # noqa: S704 - templates and writers escape what they get

    def writer(self, template_name: str) -> Write:
        """Return what makes a text of a context: the template of this name, or the function."""
        if template_name not in self._found:
            self._found[template_name] = self._find(template_name)
        template = self._found[template_name]
        if template is not None:
            return template.render
        base = BASES.get(template_name)
        return partial(WRITERS[template_name], self) if base is None else self.writer(base)

    def _find(self, name: str) -> Template | None:
        """Return the template to render; ``None`` where the function of this name does the same."""
        environment = self.environment or current_environment()
        known = name in WRITERS or name in BASES
        if environment is None:
            if known:
                return None
            raise _no_template(name)
        from jinja2 import TemplateNotFound as NotInJinja

        try:
            template = environment.get_template(name)
        except (NotInJinja, TemplateNotFound):
            if known:
                return None
            raise
        return None if known and self.direct and _is_ours(template) else template


def _is_ours(template: Template) -> bool:
    return template.filename is not None and template.filename.startswith(TEMPLATES)


def _no_template(name: str) -> FormError:
    return FormError(
        f"The template {name!r} of a form cannot be found: no app with templates is running.",
        expected="a name of the default look, or an app",
        fix=nearest(name, [*WRITERS, *BASES])
        or "render it in a request, or give the form renderer=Renderer(environment)",
    )


def current_environment() -> Environment | None:
    """Return the template environment of the current app, if it has one."""
    from vivace.templates import current_templates  # loads when the first form is rendered

    templates: Any = current_templates.get(None)
    return None if templates is None else templates.environment


# -- elements ------------------------------------------------------------------------------------------------------


def input_element(renderer: Renderer, context: Context) -> str:
    """``<input>``, of any type."""
    widget = context["widget"]
    value = widget["value"]
    shown = "" if value is None else f' value="{escaped(value)}"'
    return (
        f'<input type="{escaped(widget["type"])}" name="{escaped(widget["name"])}"{shown}{widget["attrs"]}>'
    )


def textarea(renderer: Renderer, context: Context) -> str:
    widget = context["widget"]
    value = "" if widget["value"] is None else escaped(widget["value"])
    return f'<textarea name="{escaped(widget["name"])}"{widget["attrs"]}>\n{value}</textarea>'


def select(renderer: Renderer, context: Context) -> str:
    widget = context["widget"]
    groups = _groups(renderer, widget["optgroups"], '<optgroup label="{}">{}</optgroup>', "{}")
    return f'<select name="{escaped(widget["name"])}"{widget["attrs"]}>{groups}</select>'


def _groups(renderer: Renderer, groups: Iterable[Any], around: str, each: str) -> str:
    """The options of all groups, each option in ``each``, those of a group with a name in ``around``."""
    written: list[str] = []
    for name, options, _ in groups:
        write = renderer.writer(options[0]["template_name"]) if options else str
        inner = "".join([each.format(write({"widget": option})) for option in options])
        written.append(inner if name is None else around.format(escaped(name), inner))
    return "".join(written)


def select_option(renderer: Renderer, context: Context) -> str:
    option = context["widget"]
    value = "" if option["value"] is None else escaped(str(option["value"]))
    return f'<option value="{value}"{option["attrs"]}>{escaped(option["label"])}</option>'


def checks(renderer: Renderer, context: Context) -> str:
    """Radio buttons, or boxes to check."""
    widget = context["widget"]
    id_ = widget["attrs"].get("id")
    around = '<fieldset class="vv-checks-group"><legend>{}</legend>{}</fieldset>'
    inner = _groups(renderer, widget["optgroups"], around, "<div>{}</div>")
    return f"<div{Attrs({'class': 'vv-checks', 'id': id_ or None})}>{inner}</div>"


def check_option(renderer: Renderer, context: Context) -> str:
    option = context["widget"]
    value = "" if option["value"] is None else escaped(str(option["value"]))
    name, attrs = escaped(option["name"]), option["attrs"]
    element = f'<input type="{escaped(option["type"])}" name="{name}" value="{value}"{attrs}>'
    if not option["wrap_label"]:
        return element
    return f"<label{Attrs({'for': attrs.get('id')})}>{element} {escaped(option['label'])}</label>"


def clearable_file(renderer: Renderer, context: Context) -> str:
    """A file to choose, with a link to the one that is there and a box to remove it."""
    widget = context["widget"]
    element = input_element(renderer, context)
    if not widget["is_initial"]:
        return element
    link = f'<a href="{escaped(widget["stored_url"])}">{escaped(widget["stored_name"])}</a>'
    stored = f'<span class="vv-file-now">{escaped(widget["initial_text"])}: {link}</span>'
    if not widget["required"]:
        attrs = Attrs({"name": widget["checkbox_name"], "id": widget["checkbox_id"]})
        attrs["disabled"] = widget["attrs"].get("disabled")
        label = (
            f'<label for="{escaped(widget["checkbox_id"])}">{escaped(widget["clear_checkbox_label"])}</label>'
        )
        stored += f' <span class="vv-file-clear"><input type="checkbox"{attrs}> {label}</span>'
    return f'<div class="vv-file">{stored} <span class="vv-file-new">{escaped(widget["input_text"])}: {element}</span></div>'


def parts(renderer: Renderer, context: Context) -> str:
    """The elements of a value in several parts."""
    return f'<div class="vv-parts">{_subwidgets(renderer, context, " ")}</div>'


def hidden_parts(renderer: Renderer, context: Context) -> str:
    return _subwidgets(renderer, context, "")


def _subwidgets(renderer: Renderer, context: Context, between: str) -> str:
    inner: list[Context] = context["widget"]["subwidgets"]
    return between.join([renderer.writer(part["template_name"])({"widget": part}) for part in inner])


# -- fields --------------------------------------------------------------------------------------------------------


def label(renderer: Renderer, context: Context) -> str:
    """``<label>`` or ``<legend>``; the bare text where the form gives no ids."""
    text = escaped(context["label"])
    if not context["use_tag"]:
        return text
    tag = context["tag"]
    return f"<{tag}{context['attrs']}>{text}</{tag}>"


def errors_list(renderer: Renderer, context: Context) -> str:
    """``<ul>`` of the errors of a field, or of those that concern none."""
    errors = context["errors"]
    attrs = Attrs({"class": context["error_class"], "id": context["id"] or None})
    return f"<ul{attrs}>{''.join(f'<li>{escaped(error)}</li>' for error in errors)}</ul>"


def errors_dict(renderer: Renderer, context: Context) -> str:
    """``<ul>`` of all errors of a form by field."""
    items = "".join(f"<li>{escaped(name)}{found.as_ul()}</li>" for name, found in context["errors"])
    return f'<ul class="{escaped(context["error_class"])}">{items}</ul>' if items else ""


def help_text(renderer: Renderer, context: Context) -> str:
    """The help text, with the id that the element is described by. It may be ``Markup``."""
    return _help_in("div", context["field"])


def _help_in(tag: str, bound: Any) -> str:
    if not bound.help_text:
        return ""
    attrs = Attrs({"class": "vv-help", "id": bound.help_id or None})
    return f"<{tag}{attrs}>{escaped(bound.help_text)}</{tag}>"


def _help(renderer: Renderer, bound: Any) -> str:
    """The help text by its template, if the field has one."""
    return renderer.writer("vivace/forms/help.html")({"field": bound}) if bound.help_text else ""


def field_group(renderer: Renderer, context: Context) -> str:
    """Label, help, errors and element of one field."""
    bound = context["field"]
    before, after = _around(renderer, bound)
    tag = "fieldset" if bound.use_fieldset else "div"
    return f"<{tag}{bound.group_attrs}>{before}{bound}{after}</{tag}>"


def _around(renderer: Renderer, bound: Any) -> tuple[str, str]:
    """Return what stands before and behind the element: its label stands behind a box to check."""
    told = _help(renderer, bound) + (str(bound.errors.render()) if bound.has_errors else "")
    if bound.use_fieldset:
        return f"{bound.legend_tag()}{told}", ""
    if bound.label_after:
        return "", f" {bound.label_tag()}{told}"
    return f"{bound.label_tag()}{told}", ""


# -- forms ---------------------------------------------------------------------------------------------------------


def summary(renderer: Renderer, context: Context) -> str:
    """What is wrong with a form, for whoever reads from the top: links that lead to the fields."""
    links = context["links"]
    if not links:
        return ""
    items = "".join(_link(link) for link in links)
    attrs = Attrs(
        {"class": "vv-error-summary", "role": "alert", "tabindex": "-1", "id": context["id"] or None}
    )
    return f"<div{attrs}><p>{escaped(context['title'])}</p><ul>{items}</ul></div>"


def _link(link: Any) -> str:
    text = escaped(link.text)
    return f'<li><a href="#{escaped(link.target)}">{text}</a></li>' if link.target else f"<li>{text}</li>"


def div(renderer: Renderer, context: Context) -> str:
    """A whole form, each field a ``<div>`` or ``<fieldset>``."""
    form = context["form"]
    fields = "".join([f"{bound.render()}\n" for bound, _ in context["fields"]])
    return f'<div class="vv-form">{form.error_summary()}{fields}{_hidden(context)}</div>'


def paragraphs(renderer: Renderer, context: Context) -> str:
    """A whole form in ``<p>``; a group, which no paragraph can hold, stays a ``<fieldset>``."""
    rows: list[str] = [_top_errors(context)]
    for bound, errors in context["fields"]:
        if bound.use_fieldset:
            rows.append(f"{bound.render()}\n")
        else:
            inside = _line(bound, _help_in("span", bound))
            rows.append(f"{errors.render()}<p{bound.group_attrs}>{inside}</p>\n")
    return "".join([*rows, _hidden(context)])


def items(renderer: Renderer, context: Context) -> str:
    """A whole form in ``<li>``, without the list around them."""
    top, hidden = _top_errors(context), _hidden(context)
    rows = [f"<li>{top}{hidden}</li>\n"] if top or hidden else []
    for bound, errors in context["fields"]:
        if bound.use_fieldset:
            rows.append(f"<li>{bound.render()}</li>\n")
        else:
            inside = _line(bound, _help(renderer, bound))
            rows.append(f"<li{bound.group_attrs}>{errors.render()}{inside}</li>\n")
    return "".join(rows)


def table(renderer: Renderer, context: Context) -> str:
    """A whole form in ``<tr>``, without the table around them."""
    top, hidden = _top_errors(context), _hidden(context)
    rows = [f'<tr><td colspan="2">{top}{hidden}</td></tr>\n'] if top or hidden else []
    for bound, errors in context["fields"]:
        if bound.use_fieldset:
            rows.append(f'<tr><td colspan="2">{bound.render()}</td></tr>\n')
        else:
            inside = f"{errors.render()}{bound}{_help(renderer, bound)}"
            rows.append(f"<tr{bound.group_attrs}><th>{bound.label_tag()}</th><td>{inside}</td></tr>\n")
    return "".join(rows)


def _line(bound: Any, help_: str) -> str:
    element, named = str(bound), bound.label_tag()
    return f"{element} {named}{help_}" if bound.label_after else f"{named} {element}{help_}"


def _top_errors(context: Context) -> str:
    return str(context["errors"].render())


def _hidden(context: Context) -> str:
    hidden: Iterable[Any] = context["hidden_fields"]
    return "".join(str(bound) for bound in hidden)


WRITERS: Final[dict[str, Callable[[Renderer, Context], str]]] = {
    "vivace/forms/div.html": div,
    "vivace/forms/p.html": paragraphs,
    "vivace/forms/ul.html": items,
    "vivace/forms/table.html": table,
    "vivace/forms/summary.html": summary,
    "vivace/forms/field.html": field_group,
    "vivace/forms/label.html": label,
    "vivace/forms/help.html": help_text,
    "vivace/forms/errors/list.html": errors_list,
    "vivace/forms/errors/dict.html": errors_dict,
    "vivace/forms/widgets/input.html": input_element,
    "vivace/forms/widgets/clearable_file.html": clearable_file,
    "vivace/forms/widgets/textarea.html": textarea,
    "vivace/forms/widgets/select.html": select,
    "vivace/forms/widgets/select_option.html": select_option,
    "vivace/forms/widgets/multiple_input.html": checks,
    "vivace/forms/widgets/input_option.html": check_option,
    "vivace/forms/widgets/multiwidget.html": parts,
    "vivace/forms/widgets/multiple_hidden.html": hidden_parts,
}
"""The default look: what writes the text of each template's name."""
_BASES: Final = {
    "input": "text number email url color search tel password hidden date datetime time checkbox file multiple_file",
    "multiple_input": "radio checkbox_select",
    "input_option": "radio_option checkbox_option",
    "multiwidget": "splitdatetime select_date",
    "multiple_hidden": "splithiddendatetime",
}
BASES: Final[dict[str, str]] = {
    f"vivace/forms/widgets/{name}.html": f"vivace/forms/widgets/{base}.html"
    for base, names in _BASES.items()
    for name in names.split()
}
"""Names of templates that only include another: an override of that one changes them too."""
