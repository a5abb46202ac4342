from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.care.directory"
    label = "directory"
    verbose_name = "Directory"
