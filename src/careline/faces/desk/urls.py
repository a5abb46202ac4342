from __future__ import annotations

from django.urls import path

from careline.faces.desk import views

app_name = "desk"
urlpatterns = [
    path("", views.home, name="home"),
    path("desk/", views.shell, name="shell"),
    path("desk/signed-in/", views.signed_in, name="signed-in"),
    path("desk/preferences/", views.preferences, name="preferences"),
    path("desk/idle/", views.idle, name="idle"),
    path("desk/today/", views.today_part, name="today"),
    path("desk/mine/", views.mine_part, name="mine"),
    path("desk/queue/", views.queue_part, name="queue"),
    path("desk/queue-now/", views.queue_now_part, name="queue-now"),
    path("desk/lines/", views.lines_part, name="lines"),
    path("desk/tasks/", views.tasks_part, name="tasks"),
    path("desk/tasks/<uuid:contact_id>/", views.note_attempt, name="note-attempt"),
    path("desk/tasks/<uuid:contact_id>/<uuid:attempt>/undo/", views.undo_attempt, name="undo-attempt"),
    path("desk/notices/", views.notices_part, name="notices"),
    path("desk/colleagues/", views.colleagues_part, name="colleagues"),
    path("desk/lookup/", views.lookup, name="lookup"),
    path("desk/patients/<uuid:patient_id>/", views.open_record, name="open-patient"),
    path("desk/patients/<uuid:patient_id>/erase/", views.erase, name="erase-patient"),
    path("desk/offers/<uuid:contact_id>/", views.offer, name="offer"),
    path("desk/contacts/<uuid:contact_id>/", views.contact, name="contact"),
    path("desk/contacts/<uuid:contact_id>/before/", views.before, name="before"),
    path("desk/contacts/<uuid:contact_id>/facts/", views.facts, name="facts"),
    path("desk/contacts/<uuid:contact_id>/targets/", views.targets, name="targets"),
    path("desk/contacts/<uuid:contact_id>/emergency/", views.emergency, name="emergency"),
    path("desk/contacts/<uuid:contact_id>/draft/", views.draft, name="draft"),
    path("desk/contacts/<uuid:contact_id>/record/", views.record, name="record"),
    path("desk/contacts/<uuid:contact_id>/search/", views.search, name="search"),
    path("desk/contacts/<uuid:contact_id>/patients/new/", views.new_patient, name="new-patient"),
    path("desk/contacts/<uuid:contact_id>/patients/<uuid:patient_id>/", views.choose, name="choose"),
    path("desk/contacts/<uuid:contact_id>/patients/<uuid:patient_id>/remove/", views.unchoose, name="unchoose"),
]
