from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Config(AppConfig):
    name = "careline.base.organisations"
    label = "organisations"
    verbose_name = _("Organisations and sites")
