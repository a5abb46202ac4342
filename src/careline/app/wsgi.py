from __future__ import annotations

import os
import threading

from django.core.wsgi import get_wsgi_application

from careline.base.database.watch import watch

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
watch.expect_answers()
application = get_wsgi_application()


def _warm() -> None:
    from careline.app.warm import warm_apart  # itself loads only once Django stands, and nobody waits for it

    warm_apart()


threading.Thread(target=_warm, name="warm", daemon=True).start()
