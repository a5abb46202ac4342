from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.faces.portal"
    label = "portal"
    verbose_name = "Portal"
