from __future__ import annotations

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
application = get_wsgi_application()


def _warm() -> None:
    """What takes seconds to load: better now, beside the first requests, than inside the first look at a page."""
    import holidays.countries  # noqa: F401

    import careline.oversight.insight.metrics  # noqa: F401


threading.Thread(target=_warm, name="warm", daemon=True).start()
