from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.care.contacts"
    label = "contacts"
    verbose_name = "Contacts"
