from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.switchboard"
    label = "switchboard"
    verbose_name = "Switchboard"
