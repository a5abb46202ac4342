from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.care.patients"
    label = "patients"
    verbose_name = "Patients"
