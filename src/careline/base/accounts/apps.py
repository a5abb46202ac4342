from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Config(AppConfig):
    name = "careline.base.accounts"
    label = "accounts"
    verbose_name = _("Staff and postings")
