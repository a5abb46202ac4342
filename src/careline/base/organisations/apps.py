from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.base.organisations"
    label = "organisations"
    verbose_name = "Organisations"
