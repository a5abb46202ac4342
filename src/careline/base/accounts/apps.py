from django.apps import AppConfig


class Config(AppConfig):
    name = "careline.base.accounts"
    label = "accounts"
    verbose_name = "Accounts"
