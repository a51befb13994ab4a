"""How Sphinx builds the documentation: `make docs`.

The sources are Markdown files that also read well where they lie, so the root of the sources is
the root of the tree: a link to `../reports/` or `../CHANGELOG.md` means the same in both.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_ext")]

import harness  # noqa: E402 - the tree need not be installed
from harness.core.process import quiet_imports  # noqa: E402

with quiet_imports():
    import tensorflow  # noqa: F401 - which greets at length

project = "GAN sweep harness"
release = version = harness.__version__
copyright = "the authors; MIT licence"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated"]
root_doc = "docs/index"
include_patterns = ["docs/**.md", "reports/**.md"]
include_patterns += ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
exclude_patterns = [".*", "build", "studies", "trainings", "wandb", "tests", "harness"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

default_role = "literal"  # docstrings put names of things between single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_default_options = {"undoc-members": False, "exclude-members": "model_config"}
napoleon_google_docstring = True
nitpicky = True
nitpick_ignore_regex = [("py:.*", r".*")]  # types of other packages, and what is not public

html_theme = "furo"
html_title = f"{project} {release}"
html_additional_pages = {"index": "start.html"}
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["tables.css"]
