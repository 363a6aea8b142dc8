"""Binding: a handler's signature, read once when the app is frozen, becomes one function ``request → response``.

    signature   what each parameter asks for (``markers`` say it where the type does not)
    plan        inputs, and dependency providers in order
    codegen     the plan as one compiled function
    endpoint    that function with its findings, as the app keeps it

    scalars, texts    text → values: query, headers, cookies, forms
    bodies, known     JSON → values, unknown fields
    walk, describe    every problem of a wrong value, and the words for it

Per request nothing is inspected. Everything that is wrong with a handler is a finding at start.
"""

from __future__ import annotations

from .endpoint import Endpoint as Endpoint
from .endpoint import EndpointOptions as EndpointOptions
from .endpoint import app_scope as app_scope
from .endpoint import check_app_scope as check_app_scope
from .endpoint import compile_handler as compile_handler
from .endpoint import unused_parameters as unused_parameters
from .markers import Body as Body
from .markers import Cookie as Cookie
from .markers import Depends as Depends
from .markers import Form as Form
from .markers import Header as Header
from .markers import Path as Path
from .markers import Query as Query
from .signature import path_annotations as path_annotations
