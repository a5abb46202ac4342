from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.faces.boards"
    label = "boards"
    verbose_name = "Boards"
