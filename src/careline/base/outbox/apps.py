from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.base.outbox"
    label = "outbox"
    verbose_name = "Outbox"
