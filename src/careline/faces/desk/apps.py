from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.faces.desk"
    label = "desk"
    verbose_name = "Desk"
