from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.oversight.insight"
    label = "insight"
    verbose_name = "Insight"
