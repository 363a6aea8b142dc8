"""How the documentation is built; see scripts/docs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import vivace
import vivace.http.csp
import vivace.security.cors
import vivace.security.policy

project = "Vivace"
author = "the Vivace contributors"
copyright = "the Vivace contributors"
release = version = vivace.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "house_tables", "measured", "shown_files"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
highlight_language = "default"  # as Python where it is Python, without a warning where it is not
pygments_style = "a11y-high-contrast-light"  # contrast of 4.5 : 1 and more, also on marked lines
pygments_dark_style = "github-dark"

# Names that the module knows for type checkers only; the signature shows them.
vars(vivace.security.policy).update(CORS=vivace.security.cors.CORS, Policies=vivace.http.csp.Policies)
suppress_warnings = [
    "ref.python"
]  # `Field` and `File` are in two rooms each: an annotation does not say which
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": True}
smartquotes = False  # they would turn --host into a dash
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = f"Vivace {version}"
html_static_path = ["_static"]
html_css_files = ["vivace.css"]
html_js_files = ["vivace.js"]
html_logo = "_static/vivace.svg"
html_favicon = "_static/vivace.svg"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "sidebar_hide_name": False,
    "light_css_variables": {
        "color-brand-primary": "#b3261e",
        "color-brand-content": "#a3221b",
        "color-sidebar-link-text--top-level": "var(--color-foreground-primary)",
    },
    "dark_css_variables": {
        "color-brand-primary": "#ff8a7a",
        "color-brand-content": "#ff9d8f",
        "color-sidebar-link-text--top-level": "var(--color-foreground-primary)",
    },
}
