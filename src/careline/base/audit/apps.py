from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.base.audit"
    label = "audit"
    verbose_name = "Audit"
